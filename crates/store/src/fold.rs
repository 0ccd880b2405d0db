//! How names are compared in a search: without case and accents, so that `jose` finds `José`.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A name, or what is typed to find it, in the form that is compared.
pub(crate) fn fold(text: &str) -> String {
    text.nfkd().filter(|&c| !is_combining_mark(c)).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn case_accents_and_width_do_not_matter() {
        assert_eq!(fold("José ÑANDÚ"), "jose nandu");
        assert_eq!(fold("Ｚａｓ"), "zas");
        assert_eq!(fold("😀"), "😀");
    }
}
