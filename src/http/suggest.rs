//! "Did you mean": the nearest known word, if one is near.

/// Longer words get no suggestion: the work is quadratic.
const MAX_CHARS: usize = 64;

/// The known word nearest to `given`, at most two edits away and never more than a third of its length.
pub(super) fn nearest<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let length = given.chars().count();
    if length == 0 || length > MAX_CHARS {
        return None;
    }
    let allowed = 2.min(length.div_ceil(3));
    known
        .into_iter()
        .filter(|word| word.len().abs_diff(given.len()) <= allowed && word.len() <= MAX_CHARS)
        .map(|word| (distance(given, word), word))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, word)| word)
}

/// A sentence with the suggestion, or nothing.
pub(super) fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, known).map_or_else(String::new, |word| format!(" Did you mean `{word}`?"))
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    let mut last = None;
    for (row, a) in left.chars().enumerate() {
        let mut line = vec![row + 1];
        let mut diagonal = row;
        let mut previous = None;
        for (column, (b, up)) in right.iter().zip(above.iter().skip(1)).enumerate() {
            let side = line.last().copied().unwrap_or(0);
            let mut best = (diagonal + usize::from(a != *b)).min(side + 1).min(up + 1);
            if last == Some(*b) && previous == Some(a) {
                let swapped = before.get(column.wrapping_sub(1)).copied();
                best = best.min(swapped.unwrap_or(usize::MAX - 1) + 1);
            }
            line.push(best);
            diagonal = *up;
            previous = Some(*b);
        }
        last = Some(a);
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["event_types", "url", "description", "project.created"];
        for (given, wanted) in [
            ("evnt_types", Some("event_types")),
            ("event_tpyes", Some("event_types")),
            ("ulr", Some("url")),
            ("project.craeted", Some("project.created")),
            ("name", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, known), wanted, "{given}");
        }
        assert_eq!(nearest(&"u".repeat(10_000), known), None);
    }
}
