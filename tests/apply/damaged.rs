//! What a damaged row means for a file that is applied.

use super::{FILE, Place};

#[test]
fn headers_that_do_not_open_any_more_are_set_anew_and_the_others_stay() {
    let place = Place::start();
    place.apply(FILE, &["--yes"]).done();
    let place = place.started_anew(
        "UPDATE endpoints SET sealed_headers = substr(sealed_headers, 1, length(sealed_headers) - 1)",
    );
    let other = FILE.replace("name: Riverside", "name: Riverside Park");
    let mended = place.apply(&other, &["--yes"]).done();
    assert!(mended.err.contains("2 changes were made"), "{}", mended.err);
    let again = place.apply(&other, &["--yes"]).done();
    assert_eq!(again.out, "nothing to change\n");
}
