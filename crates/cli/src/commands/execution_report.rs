use callbacks_interfaces::callback_execution::CallbackExecution;

use super::text_table::TextTable;

/// Characters of a response body that are shown.
const SHOWN_BODY: usize = 400;

/// One execution for people, a fact a line.
pub(super) fn report(execution: &CallbackExecution) -> TextTable {
    let mut table = TextTable::new(&["EXECUTION", &execution.id.to_string()]);
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            table.row([name.to_owned(), value]);
        }
    };
    fact("status", Some(execution.status.to_string()));
    fact("event", Some(format!("{} {}", execution.event_type, execution.event_id)));
    fact("delivery", Some(execution.delivery_id.to_string()));
    fact("attempt", Some(format!("{} of {}", execution.attempt_number, execution.max_attempts)));
    fact("answered", execution.response_status_code.map(|status| format!("HTTP {status}")));
    fact("took", execution.request_duration_ms.map(|took| format!("{took} ms")));
    fact("error", execution.error_message.clone());
    fact("body", execution.response_body.as_ref().map(|body| body.chars().take(SHOWN_BODY).collect()));
    fact("retry at", execution.next_retry_at.and_then(callbacks_interfaces::instant::to_text));
    table
}
