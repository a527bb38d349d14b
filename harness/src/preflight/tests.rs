use super::*;

#[test]
fn what_is_lacking_is_listed_with_its_remedy() {
    let lacking = vec![
        Check::lacking("root", "user 1000", "run it as root"),
        Check::lacking("cargo", "not on PATH", "install Rust"),
    ];
    insta::assert_snapshot!(Error::Lacking { lacking }, @r"
    find what a run needs on this machine:
        root: user 1000
          remedy: run it as root
        cargo: not on PATH
          remedy: install Rust
    ");
}
