//! Values of every kind, and matchers that they meet or miss.

use super::*;
use muster_suite::model::Operator;

#[test]
fn the_text_none_is_the_word_or_no_text_and_never_what_is_gone() {
    let none = Matcher::Equals("none".into());
    assert_eq!(compare(&none, &AttributeKind::Text, &Value::text("none")), Ok(()));
    assert_eq!(compare(&none, &AttributeKind::Loose, &Value::absent("no owner")), Ok(()));
    assert!(compare(&none, &AttributeKind::Text, &Value::text("glibc")).is_err());
    assert!(compare(&none, &AttributeKind::Text, &Value::Gone("no such file".into())).is_err());
    assert!(compare(&none, &AttributeKind::Output, &Value::absent("it failed")).is_err());
}

fn equals(text: &str) -> Matcher {
    Matcher::Equals(text.to_owned())
}

fn list(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

fn not(matcher: Matcher) -> Matcher {
    Matcher::Not(Box::new(matcher))
}

fn json(path: &str, matcher: Matcher) -> Matcher {
    Matcher::Json(vec![(path.to_owned(), matcher)])
}

#[test]
fn what_could_not_have_met_it_meets_no_negation() {
    let failed = || json(".status", equals("failed"));
    let of = |matcher: &Matcher, seen: &str| compare(matcher, &AttributeKind::Output, &Value::text(seen)).is_ok();
    assert!(of(&not(failed()), r#"{"status": "ok"}"#));
    for seen in ["gateway timeout", "", "{", "{}", r#"{"error": "gateway timeout"}"#, r#"{"status": null}"#] {
        for matcher in [
            not(failed()),
            not(not(not(failed()))),
            not(not(failed())),
            not(Matcher::AnyOf(vec![failed(), equals("x")])),
            not(Matcher::All(vec![failed(), Matcher::Lacks(vec!["x".into()])])),
            failed(),
        ] {
            assert!(!of(&matcher, seen), "{matcher:?} is met by {seen:?}");
        }
    }
    let bound = || Matcher::Compare(vec![(Operator::Lt, "5".to_owned())]);
    assert!(of(&not(json(".n", bound())), r#"{"n": 7}"#) && !of(&not(json(".n", bound())), r#"{"n": "many"}"#));
    assert!(of(&not(json(".n", Matcher::None)), r#"{"n": 7}"#) && !of(&not(json(".n", Matcher::None)), "{}"));
    let miss = compare(&not(failed()), &AttributeKind::Output, &Value::text("gateway timeout"));
    assert!(matches!(&miss, Err(Miss::Missed { actual, .. }) if actual.starts_with("not JSON: ")), "{miss:?}");
}

#[test]
fn no_kind_with_an_order_takes_a_foreign_text_for_another_value() {
    let foreign = "gateway timeout";
    for (kind, value) in [
        (AttributeKind::Level(&["1", "5"]), "5"),
        (AttributeKind::Integer, "5"),
        (AttributeKind::Ranged(0, 9), "5"),
        (AttributeKind::Number, "5"),
        (AttributeKind::Share(100), "5"),
        (AttributeKind::Size, "5 MiB"),
        (AttributeKind::Duration, "5s"),
        (AttributeKind::Mode, "0644"),
        (AttributeKind::Version, "5"),
        (AttributeKind::Map(&text::ANY, &AttributeKind::Version), "5"),
        (AttributeKind::Samples(&AttributeKind::Duration), "5s"),
    ] {
        let bound = |operator| Matcher::Compare(vec![(operator, value.to_owned())]);
        let mut all: Vec<Matcher> = [Operator::Lt, Operator::Le, Operator::Gt, Operator::Ge, Operator::Eq]
            .map(|operator| not(bound(operator)))
            .into();
        all.extend([bound(Operator::Ne), not(equals(value)), not(not(not(equals(value))))]);
        for matcher in all {
            assert!(compare(&matcher, &kind, &Value::text(foreign)).is_err(), "{kind:?}: {matcher:?}");
        }
    }
    // A loose value may be a word: it is another one, and in no order.
    let loose = |matcher: &Matcher| compare(matcher, &AttributeKind::Loose, &Value::text(foreign)).is_ok();
    assert!(loose(&not(equals("5"))) && loose(&Matcher::Compare(vec![(Operator::Ne, "5".into())])));
    for operator in [Operator::Lt, Operator::Le, Operator::Gt, Operator::Ge] {
        assert!(!loose(&not(Matcher::Compare(vec![(operator, "5".into())]))), "{operator:?}");
    }
}

fn met(matcher: &Matcher, kind: &AttributeKind, seen: &str) -> bool {
    match compare(matcher, kind, &Value::text(seen)) {
        Ok(()) => true,
        Err(Miss::Missed { .. }) => false,
        Err(Miss::Unreadable(why)) => panic!("{why}"),
    }
}

#[test]
fn equality_is_that_of_the_kind() {
    for (kind, seen, wanted) in [
        (AttributeKind::Integer, "16", "0x10"),
        (AttributeKind::Mode, "644", "0644"),
        (AttributeKind::Loose, "1", "0x1"),
        (AttributeKind::Loose, "4096\t131072", "4096 131072"),
        (AttributeKind::Duration, "90s", "1m 30s"),
        (AttributeKind::Size, "1048576 B", "1 MiB"),
        (AttributeKind::Evr, "0:1.26-3", "1.26-3"),
        (AttributeKind::Evr, "1:1.26-3", "1:1.26"),
        (AttributeKind::Version, "6.12.74+deb13-cloud-amd64", "6.12.74"),
        (AttributeKind::Version, "4.0", "4"),
        (AttributeKind::Output, "two\nlines\n", "two\nlines"),
        (AttributeKind::List(&text::ANY), "a,b", "a,b"),
    ] {
        assert!(met(&equals(wanted), &kind, seen), "{kind:?} {seen} {wanted}");
    }
    for (kind, seen, wanted) in [
        (AttributeKind::Text, "1.10", "1.1"),
        (AttributeKind::Text, "0644", "644"),
        (AttributeKind::Evr, "1:1.26-3", "1.26-3"),
        (AttributeKind::Version, "6.1", "6.10"),
        (AttributeKind::Loose, "y", "1"),
        (AttributeKind::Mode, "0644", "0640"),
    ] {
        assert!(!met(&equals(wanted), &kind, seen), "{kind:?} {seen} {wanted}");
    }
}

#[test]
fn bounds_hold_together_and_a_value_of_another_kind_is_unreadable() {
    let bounds = Matcher::Compare(vec![(Operator::Ge, "6.14".into()), (Operator::Lt, "7".into())]);
    for (seen, stated, order) in muster_suite::version::VERSIONS {
        for operator in Operator::ALL {
            let matcher = Matcher::Compare(vec![(*operator, (*stated).to_owned())]);
            assert_eq!(
                met(&matcher, &AttributeKind::Version, seen),
                operator.holds(*order),
                "{seen} {operator} {stated}"
            );
        }
        assert_eq!(met(&equals(stated), &AttributeKind::Version, seen), order.is_eq(), "{seen} {stated}");
    }
    assert!(met(&bounds, &AttributeKind::Version, "6.18.5-1.azl4") && !met(&bounds, &AttributeKind::Version, "6.9.12"));
    assert!(!met(&bounds, &AttributeKind::Version, "7.0.1"));
    let at_most = |bound: &str| Matcher::Compare(vec![(Operator::Le, bound.to_owned())]);
    assert!(met(&at_most("60"), &AttributeKind::Number, "59.5") && met(&at_most("60%"), &AttributeKind::Number, "60"));
    assert!(!met(&at_most("3s"), &AttributeKind::Duration, "3.001s"));
    assert!(!met(&at_most("1"), &AttributeKind::Loose, "absent"));
    let unreadable = compare(&at_most("1"), &AttributeKind::Integer, &Value::text("many"));
    assert_eq!(unreadable, Err(Miss::Unreadable(Unreadable::new("`many` is not an integer"))));
    // The negation of what cannot be read cannot be read either.
    let negated = Matcher::Not(Box::new(equals("1")));
    assert!(matches!(compare(&negated, &AttributeKind::Integer, &Value::text("many")), Err(Miss::Unreadable(_))));
}

#[test]
fn what_is_not_there_matches_only_none_and_a_missing_subject_nothing() {
    let absent = Value::absent("not recorded");
    let gone = Value::gone("not installed");
    let none = Matcher::None;
    assert_eq!(compare(&none, &AttributeKind::Text, &absent), Ok(()));
    for matcher in [
        equals(""),
        Matcher::Empty(true),
        Matcher::Lacks(list(&["x"])),
        Matcher::Not(Box::new(equals("x"))),
        Matcher::Not(Box::new(Matcher::None)),
        Matcher::Count(Box::new(equals("0"))),
    ] {
        for value in [&absent, &gone] {
            assert!(matches!(compare(&matcher, &AttributeKind::Text, value), Err(Miss::Missed { .. })), "{matcher:?}");
        }
    }
    let either = Matcher::AnyOf(vec![equals("x"), Matcher::None]);
    assert_eq!(compare(&either, &AttributeKind::Text, &absent), Ok(()));
    assert!(compare(&either, &AttributeKind::Text, &gone).is_err());
    assert!(compare(&none, &AttributeKind::Set(&text::ANY), &gone).is_err());
    assert_eq!(compare(&none, &AttributeKind::Set(&text::ANY), &Value::Items(Vec::new())), Ok(()));
}

#[test]
fn sets_say_what_is_missing_and_what_is_too_much() {
    let value = Value::items(["a", "b", "c"]);
    let actual = |matcher: Matcher| match compare(&matcher, &AttributeKind::Set(&text::ANY), &value) {
        Err(Miss::Missed { actual, .. }) => actual,
        other => panic!("{other:?}"),
    };
    assert_eq!(actual(Matcher::Has(list(&["a", "x"]))), "missing x; a, b, c");
    assert_eq!(actual(Matcher::Only(list(&["a", "b", "x"]))), "missing x; also c; a, b, c");
    assert_eq!(actual(Matcher::Lacks(list(&["b"]))), "also b; a, b, c");
    assert_eq!(actual(Matcher::Count(Box::new(equals("2")))), "3 in all; a, b, c");
    assert_eq!(actual(Matcher::None), "a, b, c");
    let many = Value::items((0..30).map(|n| n.to_string()));
    let Err(Miss::Missed { actual, detail, .. }) = compare(&Matcher::None, &AttributeKind::Set(&text::ANY), &many)
    else {
        panic!()
    };
    assert!(actual.ends_with("18, 19, … (30 in all)"), "{actual}");
    assert_eq!(detail.lines().count(), 30);
    assert!(compare(&equals("b,a"), &AttributeKind::List(&text::ANY), &Value::items(["a", "b"])).is_err());
}

#[test]
fn json_is_asked_by_path() {
    let text = r#"{"a": {"b": [1, {"c.d": "x"}]}, "n": null, "t": 21.5}"#;
    let ask = |path: &str, matcher: Matcher| {
        compare(&Matcher::Json(vec![(path.to_owned(), matcher)]), &AttributeKind::Output, &Value::text(text))
    };
    assert_eq!(ask(".a.b[0]", equals("1")), Ok(()));
    assert_eq!(ask(".a.b[1][\"c.d\"]", equals("x")), Ok(()));
    assert_eq!(ask(".a.b", Matcher::Count(Box::new(equals("2")))), Ok(()));
    assert_eq!(ask(".t", Matcher::Compare(vec![(Operator::Gt, "21".into())])), Ok(()));
    assert_eq!(ask(".n", Matcher::None), Ok(()));
    assert_eq!(ask(".nope", Matcher::None), Ok(()));
    let Err(Miss::Missed { actual, .. }) = ask(".a.b[0]", equals("2")) else { panic!() };
    assert!(actual.starts_with(".a.b[0] is 1"), "{actual}");
    assert!(matches!(ask("a", equals("1")), Err(Miss::Unreadable(_))));
    let broken =
        compare(&Matcher::Json(vec![(".a".into(), Matcher::None)]), &AttributeKind::Output, &Value::text("<html>"));
    assert!(matches!(broken, Err(Miss::Missed { actual, .. }) if actual.starts_with("not JSON")));
}

#[test]
fn hostile_output_is_shown_escaped_and_bounded() {
    for seen in ["1 GiB\n\x0b", "\x1b[2J many bytes", &"7".repeat(100_000)] {
        let Err(miss) = compare(&equals("2 GiB"), &AttributeKind::Size, &Value::text(seen)) else { panic!("{seen}") };
        let said = match miss {
            Miss::Missed { actual, .. } => actual,
            Miss::Unreadable(why) => why.to_string(),
        };
        assert!(said.len() < 400 && !said.contains(['\x1b', '\x0b', '\n']), "{said:?}");
        let Err(Miss::Missed { actual, .. }) = compare(&Matcher::None, &AttributeKind::Size, &Value::text(seen)) else {
            panic!()
        };
        assert!(actual.len() < 400 && !actual.contains(['\x1b', '\x0b', '\n']), "{actual:?}");
    }
    let value = Value::Text(format!("\x1b[2J{}\n", "x".repeat(100_000)));
    let Err(Miss::Missed { actual, detail, .. }) = compare(&Matcher::Empty(true), &AttributeKind::Output, &value)
    else {
        panic!()
    };
    assert!(actual.starts_with("\\x1b[2J") && actual.chars().count() <= 200);
    assert!(detail.len() < 5000 && !detail.contains('\x1b'));
}

#[test]
fn each_instance_must_match() {
    let two = Value::each([Value::text("x86_64"), Value::text("i686"), Value::text("x86_64")]);
    assert_eq!(two, Value::Each(vec![Value::text("x86_64"), Value::text("i686")]));
    let Err(Miss::Missed { actual, .. }) = compare(&equals("x86_64"), &AttributeKind::Text, &two) else { panic!() };
    assert_eq!(actual, "i686");
    assert_eq!(compare(&Matcher::AnyOf(vec![equals("x86_64"), equals("i686")]), &AttributeKind::Text, &two), Ok(()));
}
