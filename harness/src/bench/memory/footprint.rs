//! The kernel's account of one process's memory.

/// The memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footprint {
    /// Its resident pages, in kB.
    pub(super) rss: u32,
    /// The same, each page divided by the number of processes that share it, in kB.
    pub(super) pss: u32,
}

impl Footprint {
    /// Reads `/proc/PID/smaps_rollup` (proc(5)); `None` if it has no memory.
    pub(super) fn parse(rollup: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix("kB")?.trim().parse().ok()
        };
        Some(Self {
            rss: field("Rss:")?,
            pss: field("Pss:")?,
        })
    }
}

/// Megabytes of so many kB, to a tenth.
pub(super) fn megabytes(kilobytes: u32) -> f64 {
    rounded(f64::from(kilobytes) / 1024.0)
}

/// Rounds to a tenth.
pub(super) fn rounded(megabytes: f64) -> f64 {
    (megabytes * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollup_has_both_figures_among_others() {
        let rollup = "\
55ef70fcd000-7ffd9145f000 ---p 00000000 00:00 0                          [rollup]
Rss:                1808 kB
Pss:                 278 kB
Pss_Dirty:           116 kB
SwapPss:               0 kB
";
        assert_eq!(Footprint::parse(rollup), Some(Footprint { rss: 1808, pss: 278 }));
    }

    #[test]
    fn a_thread_of_the_kernel_has_none() {
        assert_eq!(Footprint::parse(""), None);
    }

    #[test]
    fn megabytes_have_a_tenth() {
        assert!((megabytes(1808) - 1.8).abs() < f64::EPSILON);
    }
}
