//! Where two configurations differ.

use serde_json::Value;

/// The first field that differs, with both values.
pub(super) fn difference(a: &Value, b: &Value, at: &str) -> Option<(String, String, String)> {
    if let (Some(a), Some(b)) = (a.as_object(), b.as_object()) {
        let null = Value::Null;
        let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
        let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
        return keys
            .into_iter()
            .find_map(|k| difference(a.get(k).unwrap_or(&null), b.get(k).unwrap_or(&null), &below(k)));
    }
    (a != b).then(|| (at.to_owned(), a.to_string(), b.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_field_that_differs_is_named_with_both_values_also_where_one_side_lacks_it() {
        let (a, b) = (json!({"x": {"y": 1, "z": 2}}), json!({"x": {"y": 1, "z": 3}}));
        assert_eq!(difference(&a, &a, ""), None);
        assert_eq!(difference(&a, &b, ""), Some(("x.z".into(), "2".into(), "3".into())));
        assert_eq!(difference(&a, &json!({"x": {"y": 1}}), "at"), Some(("at.x.z".into(), "2".into(), "null".into())));
        assert_eq!(difference(&json!({}), &json!({"n": 0}), ""), Some(("n".into(), "null".into(), "0".into())));
    }
}
