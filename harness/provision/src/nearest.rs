//! The nearest known name to one that is not known.

/// The least similarity of two names, from 0 to 1, for one to be proposed for the other: a letter is missing, doubled or
/// exchanged. Names that only share some letters are below it.
const ALIKE: f64 = 0.85;

/// Returns the name among `known` that `name` is probably a typing error of, if there is one.
pub fn to(name: &str, known: impl IntoIterator<Item = String>) -> Option<String> {
    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), candidate))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_letter_left_out("kube-apiservr", Some("kube-apiserver"))]
    #[case::letters_exchanged("kueblet", Some("kubelet"))]
    #[case::a_letter_wrong("SY-08", Some("SH-08"))]
    #[case::another_number("SH-99", None)]
    #[case::nothing_alike("foo", None)]
    #[case::a_few_letters_alike("NOPE", None)]
    fn a_slip_is_recognised(#[case] name: &str, #[case] meant: Option<&str>) {
        let known = ["kube-apiserver", "kube-controller-manager", "kubelet", "SH-08"];
        let known = known.map(str::to_owned);
        assert_eq!(to(name, known).as_deref(), meant);
    }
}
