//! Filter requests, well and badly formed.

use callbacks_interfaces::field_errors::ValidationErrors;
use callbacks_interfaces::filter::{FilterCondition, FilterRange, FilterRequest, SortDirection};
use serde_json::{Value, json};

fn parse(value: Value) -> Result<FilterRequest, ValidationErrors> {
    let Value::Object(body) = value else {
        unreachable!("tests pass objects");
    };
    FilterRequest::from_body(&body)
}

#[test]
fn nothing_said_means_the_defaults() {
    let defaults = Ok(FilterRequest::default());
    assert_eq!(parse(json!({})), defaults);
    let nulls = json!({"page": null, "size": null, "sort": null, "filters": null, "search": " "});
    assert_eq!(parse(nulls), defaults);
}

#[test]
fn both_forms_of_sort_are_read() {
    let request = parse(json!({"sort": [
        "name,DESC", "status", {"field": "url", "direction": "asc"}, {"field": "id"}
    ]}))
    .expect("valid");
    let read: Vec<_> = request.sort.iter().map(|key| (key.field.as_str(), key.direction)).collect();
    assert_eq!(
        read,
        [
            ("name", SortDirection::Descending),
            ("status", SortDirection::Ascending),
            ("url", SortDirection::Ascending),
            ("id", SortDirection::Ascending),
        ]
    );
}

#[test]
fn every_form_of_filter_is_read() {
    let request = parse(json!({"filters": {
        "a": 1, "b": null, "c": ["x", "y"], "d": {"gte": 1, "lt": 5}, "e": {"like": "%"}
    }}))
    .expect("valid");
    let range = |range| FilterCondition::Range(Box::new(range));
    let wanted = [
        ("a", FilterCondition::Equals(json!(1))),
        ("b", FilterCondition::Equals(Value::Null)),
        ("c", FilterCondition::AnyOf(vec![json!("x"), json!("y")])),
        ("d", range(FilterRange { gte: Some(json!(1)), lt: Some(json!(5)), ..FilterRange::default() })),
        ("e", range(FilterRange { like: Some("%".to_owned()), ..FilterRange::default() })),
    ];
    for ((field, condition), (wanted_field, wanted)) in request.filters.iter().zip(wanted) {
        assert_eq!(field, wanted_field);
        assert_eq!(*condition, wanted);
    }
}

#[test]
fn bad_requests_name_the_field() {
    for (body, field) in [
        (json!({"size": 0}), "size"),
        (json!({"size": 501}), "size"),
        (json!({"page": -1}), "page"),
        (json!({"page": i64::MAX}), "page"),
        (json!({"page": "1 OR 1=1"}), "page"),
        (json!({"page": 1.5}), "page"),
        (json!({"sort": "name"}), "sort"),
        (json!({"sort": vec!["name,asc"; 1000]}), "sort"),
        (json!({"sort": ["name,asc; SELECT 1"]}), "sort[0]"),
        (json!({"sort": ["name,asc,desc"]}), "sort[0]"),
        (json!({"sort": ["name,asc NULLS FIRST"]}), "sort[0]"),
        (json!({"sort": [",asc"]}), "sort[0]"),
        (json!({"filters": {"a": {}}}), "filters.a"),
        (json!({"filters": {"a": {"regex": "x"}}}), "filters.a"),
        (json!({"filters": {"a": [[1]]}}), "filters.a"),
        (json!({"filters": {"a": "x\u{0}"}}), "filters"),
        (json!({"search": 5}), "search"),
    ] {
        let errors = parse(body.clone()).expect_err("refused");
        assert_eq!(errors.0[0].field, field, "{body}");
    }
}

#[test]
fn a_query_says_the_same() {
    let pairs = [("page", "2"), ("size", "5"), ("sort", "name,desc"), ("search", "x")];
    let wanted = parse(json!({"page": 2, "size": 5, "sort": ["name,desc"], "search": "x"}));
    assert_eq!(FilterRequest::from_query(pairs), wanted);
    assert!(FilterRequest::from_query([("page", "x")]).is_err());
    assert!(FilterRequest::from_query([("limit", "5")]).is_err());
    assert_eq!(wanted.expect("valid").offset(), 10);
}
