//! Every target survives its seeds, and each seed folder belongs to a target.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const TARGETS: [(&str, fn(&[u8])); 9] = [
    ("broker_message", callbacks_fuzz::broker_message::survives),
    ("ciphertext", callbacks_fuzz::ciphertext::survives),
    ("domain_path", callbacks_fuzz::domain_path::survives),
    ("filter_request", callbacks_fuzz::filter_request::survives),
    ("header_check", callbacks_fuzz::header_check::survives),
    ("key_set", callbacks_fuzz::key_set::survives),
    ("response_head", callbacks_fuzz::response_head::survives),
    ("retry_after", callbacks_fuzz::retry_after::survives),
    ("url_guard", callbacks_fuzz::url_guard::survives),
];

#[test]
fn every_target_survives_its_seeds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let folders: BTreeSet<String> = fs::read_dir(&corpus)
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(folders, TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect());
    for (name, survives) in TARGETS {
        let mut seeds = 0;
        for seed in fs::read_dir(corpus.join(name)).expect("its seeds") {
            survives(&fs::read(seed.expect("an entry").path()).expect("readable"));
            seeds += 1;
        }
        assert!(seeds > 3, "{name} has {seeds} seeds");
    }
}
