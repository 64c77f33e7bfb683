//! Chinese: normalisation, words, readings, tone changes, phones. Pure.
