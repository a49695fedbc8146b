//! Unicode classes, `\pL` and `\p{Greek}`.
//!
//! Names are compared as in Go since 1.25, ignoring case, `_`, `-` and spaces. The short names of
//! scripts (`\p{Grek}`) are newer than the Go of many authentik releases and are refused. So are
//! the classes of what is *not* in Unicode yet (`C`, `Cn`, `Assigned`), which change with each
//! version of Go, and `LC`, which folds differently there. Characters newer than Unicode 14 may be
//! in a class on one side only.

use std::str::Chars;

use super::{Flaw, eat, quote};

/// General categories, with the long name if Go has it.
const CATEGORIES: [(&str, &str); 37] = [
    ("Cc", "Control"),
    ("Cf", "Format"),
    ("Co", "Private_Use"),
    ("L", "Letter"),
    ("Ll", "Lowercase_Letter"),
    ("Lm", "Modifier_Letter"),
    ("Lo", "Other_Letter"),
    ("Lt", "Titlecase_Letter"),
    ("Lu", "Uppercase_Letter"),
    ("M", "Mark"),
    ("M", "Combining_Mark"),
    ("Mc", "Spacing_Mark"),
    ("Me", "Enclosing_Mark"),
    ("Mn", "Nonspacing_Mark"),
    ("N", "Number"),
    ("Nd", "Decimal_Number"),
    ("Nl", "Letter_Number"),
    ("No", "Other_Number"),
    ("P", "Punctuation"),
    ("Pc", "Connector_Punctuation"),
    ("Pd", "Dash_Punctuation"),
    ("Pe", "Close_Punctuation"),
    ("Pf", "Final_Punctuation"),
    ("Pi", "Initial_Punctuation"),
    ("Po", "Other_Punctuation"),
    ("Ps", "Open_Punctuation"),
    ("S", "Symbol"),
    ("Sc", "Currency_Symbol"),
    ("Sk", "Modifier_Symbol"),
    ("Sm", "Math_Symbol"),
    ("So", "Other_Symbol"),
    ("Z", "Separator"),
    ("Zl", "Line_Separator"),
    ("Zp", "Paragraph_Separator"),
    ("Zs", "Space_Separator"),
    ("Any", "Any"),
    ("Ascii", "ASCII"),
];

/// Scripts by their long names, as known to both Go's `unicode.Scripts` and the crate.
const SCRIPTS: &str = "
    Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak
    Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian
    Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot
    Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs
    Elbasan Elymaic Ethiopic Garay Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi
    Gurmukhi Gurung_Khema Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana
    Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi
    Kannada Katakana Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Kirat_Rai
    Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic
    Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive
    Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari
    New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Ol_Onal Old_Hungarian
    Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic
    Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician
    Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala
    Sogdian Sora_Sompeng Soyombo Sundanese Sunuwar Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le
    Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Todhri
    Toto Tulu_Tigalari Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square";

/// Reads from after `\p` or `\P`; returns the class in the crate's syntax.
pub(super) fn read(from: &mut Chars<'_>, negated: bool) -> Result<String, Flaw> {
    let rest = from.as_str();
    let name = if eat(from, "{") {
        let (name, after) = from
            .as_str()
            .split_once('}')
            .ok_or_else(|| quote("invalid character class range", &written(rest, negated)))?;
        *from = after.chars();
        name
    } else {
        from.next();
        rest.get(..rest.len() - from.as_str().len()).unwrap_or_default()
    };
    let (name, inverted) = match name.strip_prefix('^') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let p = if negated == inverted { 'p' } else { 'P' };
    match known(name) {
        Some(property) => Ok(format!("\\{p}{{{property}}}")),
        None => {
            let read = rest.len() - from.as_str().len();
            let part = rest.get(..read).unwrap_or_default();
            Err(quote("unknown or unstable Unicode class", &written(part, negated)))
        }
    }
}

fn written(part: &str, negated: bool) -> String {
    format!("\\{}{part}", if negated { 'P' } else { 'p' })
}

fn known(name: &str) -> Option<String> {
    let wanted = folded(name);
    let category = |(short, long): &(&'static str, &'static str)| {
        (folded(short) == wanted || folded(long) == wanted).then_some(*short)
    };
    match CATEGORIES.iter().find_map(category) {
        Some(whole @ ("Any" | "Ascii")) => Some(whole.to_ascii_lowercase()),
        Some(category) => Some(format!("gc={category}")),
        None => {
            let script = SCRIPTS.split_whitespace().find(|script| folded(script) == wanted)?;
            Some(format!("sc={script}"))
        }
    }
}

fn folded(name: &str) -> String {
    let kept = name.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

/// All names, short and long.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    CATEGORIES.iter().flat_map(|(short, long)| [*short, *long]).chain(SCRIPTS.split_whitespace())
}
