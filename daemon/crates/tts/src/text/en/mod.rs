//! English: normalisation, tokens, phones. Pure.
