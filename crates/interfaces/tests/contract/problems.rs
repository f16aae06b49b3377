//! Error answers in both of their forms.

use callbacks_interfaces::field_errors::FieldError;
use callbacks_interfaces::problem::Problem;
use serde_json::json;

fn sample() -> Problem {
    let error = FieldError::new("name", "NotBlank", "Name is required").rejecting(&json!(""));
    let mut problem = Problem::validation(error.into());
    problem.path = Some("/api/v1/callback-configurations".to_owned());
    problem
}

#[test]
fn a_validation_error_has_the_contracts_words() {
    let body = serde_json::to_value(sample().to_error_response()).expect("serialises");
    assert_eq!(
        body,
        json!({
            "status": 400,
            "error": "Validation Failed",
            "message": "Invalid request parameters",
            "code": "VALIDATION_ERROR",
            "path": "/api/v1/callback-configurations",
            "details": "The request failed validation. Check the 'errors' field for details.",
            "suggestion": "Please check the validation errors and correct your request.",
            "category": "VALIDATION",
            "severity": "LOW",
            "retryable": false,
            "errors": [{
                "field": "name",
                "code": "NotBlank",
                "message": "Name is required",
                "metadata": {"rejectedValue": "", "bindingFailure": false}
            }]
        })
    );
}

#[test]
fn a_problem_says_the_same() {
    let body = serde_json::to_value(sample().to_problem_details()).expect("serialises");
    assert_eq!(body["type"], "https://api.firefly.com/errors/validation_error");
    assert_eq!(body["instance"], "/api/v1/callback-configurations");
    assert_eq!(body["extensions"]["errors"][0]["field"], "name");
    assert!(body["extensions"].get("retry_after").is_none());
}

#[test]
fn waiting_is_retryable() {
    let problem = Problem::new(503, "UNAVAILABLE", "Unavailable", "Later").retry_after(5);
    let body = serde_json::to_value(problem.to_error_response()).expect("serialises");
    assert_eq!(body["retry_after"], 5);
    assert_eq!(body["retryable"], true);
    assert_eq!(body["severity"], "HIGH");
}
