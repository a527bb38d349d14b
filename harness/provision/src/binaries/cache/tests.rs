use super::*;

/// Follows a tiny recipe: writes one file, and reports if it had to.
async fn make(cache: &Cache, content: &str) -> (CacheEntry, bool) {
    let inputs = Inputs::default().with("content", content);
    match cache
        .look_up("tiny", &inputs, "binaries", &Events::ignored())
        .await
        .unwrap()
    {
        Lookup::Found(entry) => (entry, false),
        Lookup::Missing(reservation) => {
            fs::create_dir(reservation.folder().join("bin")).unwrap();
            fs::write(reservation.folder().join("bin/tiny"), content).unwrap();
            (reservation.fill(inputs, Vec::new()).await.unwrap(), true)
        }
    }
}

fn cache(folder: &tempfile::TempDir) -> Cache {
    Cache {
        folder: folder.path().join("cache"),
        verify: Verify::Cheaply,
    }
}

#[test]
fn a_key_changes_with_every_input_and_with_their_border() {
    let key = |one: &str, other: &str| Inputs::default().with("one", one).with("other", other).key();
    assert_eq!(key("a", "b"), key("a", "b"));
    assert_ne!(key("a", "b"), key("a", "c"));
    assert_ne!(key("ab", ""), key("a", "b"));
}

#[tokio::test]
async fn what_is_there_is_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (first, made) = make(&cache(&folder), "one").await;
    assert!(made);
    let (second, made) = make(&cache(&folder), "one").await;
    assert!(!made);
    assert_eq!(first.folder, second.folder);
    let program = second.program("bin/tiny").unwrap();
    assert_eq!(program.sha256, hexadecimal(&Sha256::digest("one")));
}

#[tokio::test]
async fn another_input_is_another_entry() {
    let folder = tempfile::tempdir().unwrap();
    let (one, _) = make(&cache(&folder), "one").await;
    let (two, made) = make(&cache(&folder), "two").await;
    assert!(made);
    assert_ne!(one.folder, two.folder);
}

#[rstest::rstest]
#[case::shorter(|file: &Path| fs::write(file, "o").unwrap())]
#[case::other_content_of_the_same_length(|file: &Path| fs::write(file, "eno").unwrap())]
#[case::not_there(|file: &Path| fs::remove_file(file).unwrap())]
#[case::other_mode(|file: &Path| {
    rustix::fs::chmod(file, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
})]
#[case::manifest_cut_off(|file: &Path| {
    let manifest = file.parent().unwrap().parent().unwrap().join("entry.json");
    fs::write(manifest, "{").unwrap();
})]
#[tokio::test]
async fn a_damaged_entry_is_made_again(#[case] damage: fn(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let (entry, _) = make(&cache(&folder), "one").await;
    damage(&entry.folder.join("bin/tiny"));
    let (again, made) = make(&cache(&folder), "one").await;
    assert!(made);
    assert_eq!(fs::read_to_string(again.folder.join("bin/tiny")).unwrap(), "one");
}

#[tokio::test]
async fn content_that_was_touched_but_not_changed_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (entry, _) = make(&cache(&folder), "one").await;
    fs::write(entry.folder.join("bin/tiny"), "one").unwrap();
    assert!(!make(&cache(&folder), "one").await.1);
}

#[tokio::test]
async fn what_a_crashed_maker_left_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(&folder);
    let inputs = Inputs::default().with("content", "one");
    let left = cache.folder.join(format!(".tiny-{}.crashed", inputs.key()));
    fs::create_dir_all(left.join("half")).unwrap();
    make(&cache, "one").await;
    assert!(!left.exists());
}

#[tokio::test]
async fn of_two_that_ask_at_once_one_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (cache(&folder), cache(&folder));
    let ((_, first), (_, second)) = tokio::join!(make(&one, "one"), make(&other, "one"));
    assert!(first != second, "made once");
}

#[tokio::test]
async fn a_waiting_process_is_shown_the_holder() {
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(&folder);
    let inputs = Inputs::default().with("content", "one");
    let Lookup::Missing(reservation) = cache
        .look_up("tiny", &inputs, "binaries", &Events::ignored())
        .await
        .unwrap()
    else {
        panic!("nothing is there yet");
    };
    let (events, mut told) = Events::channel();
    let waiting = cache.look_up("tiny", &inputs, "binaries", &events);
    let filling = async {
        let event = told.recv().await.unwrap().event;
        reservation.fill(inputs.clone(), Vec::new()).await.unwrap();
        event
    };
    let (lookup, event) = tokio::join!(waiting, filling);
    assert!(matches!(lookup.unwrap(), Lookup::Found(_)));
    let text = format!("{event:?}");
    assert!(
        text.contains(&format!("waiting: process {} is making tiny", std::process::id())),
        "{text}"
    );
}
