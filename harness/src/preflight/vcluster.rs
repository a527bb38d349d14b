//! What real vcluster is made from.

use super::Check;
use crate::helm::Chart;
use crate::plan::Vcluster;

/// A chart that is in a folder has to be there; one that is fetched is Helm's to find.
pub(super) fn inspect(vcluster: &Vcluster) -> Option<Check> {
    let Chart::Folder(folder) = &vcluster.chart else {
        return None;
    };
    let need = "the chart of vcluster";
    let described = folder.join("Chart.yaml");
    Some(if described.is_file() {
        Check::met(need, folder.display().to_string())
    } else {
        Check::lacking(
            need,
            format!("no {}", described.display()),
            "give the folder of its chart by --vcluster-chart, or leave that out to have it fetched",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(chart: Chart) -> Option<bool> {
        let vcluster = Vcluster {
            chart,
            values: String::new(),
        };
        inspect(&vcluster).map(|check| check.met)
    }

    #[test]
    fn a_folder_has_to_have_a_chart_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let chart = Chart::Folder(folder.path().to_owned());
        assert_eq!(found(chart.clone()), Some(false));
        std::fs::write(folder.path().join("Chart.yaml"), "name: vcluster\n").unwrap();
        assert_eq!(found(chart), Some(true));
        assert_eq!(found(crate::tenants::vcluster::chart()), None);
    }
}
