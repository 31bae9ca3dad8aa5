//! What the dispatcher decides, one rule at a time; the whole is driven by `tests/simulation`.
