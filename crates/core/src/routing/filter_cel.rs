//! CEL filters. Everything that can be known from the expression alone is checked when it is saved: unknown variables
//! and functions, patterns, nesting. The one module that knows the CEL library, with its two neighbours.

use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue};
use cel::{IdedExpr, Program, Value};

use super::event_document::EventDocument;
use super::filter_cel_context::VARIABLES;
use super::filter_cel_work::WorkBound;
use super::filter_outcome::{FilterError, FilterFailure};
use super::filter_pattern::pattern_work;

/// Most comprehensions inside each other.
const DEEPEST_COMPREHENSION: usize = 2;

/// A compiled expression and the work it can be.
#[derive(Debug)]
pub(super) struct CelFilter {
    program: Program,
    work: WorkBound,
}

impl CelFilter {
    pub(super) fn compile(text: &str) -> Result<Self, FilterError> {
        let program =
            Program::compile(text).map_err(|errors| FilterError::Cel(on_one_line(&errors.to_string())))?;
        Check { scope: Vec::new(), depth: 0 }.expression(program.expression())?;
        let work = WorkBound::of(program.expression());
        Ok(Self { program, work })
    }

    pub(super) fn matches(&self, event: &EventDocument<'_>) -> Result<bool, FilterFailure> {
        if !self.work.is_bearable(event.size()?) {
            return Err(FilterFailure::new("the expression would take too long on a payload of this size"));
        }
        match self.program.execute(&event.cel()?.context()) {
            Ok(Value::Bool(matches)) => Ok(matches),
            Ok(other) => Err(FilterFailure::new(format!(
                "the expression yields {}, not true or false",
                other.type_of()
            ))),
            Err(error) => Err(FilterFailure::new(explain(&error))),
        }
    }
}

/// The library's own words can quote values of the payload, which belong in no log and no execution.
fn explain(error: &cel::ExecutionError) -> String {
    use cel::ExecutionError as E;
    match error {
        E::NoSuchKey(name) => format!("the payload has no '{name}'"),
        E::UndeclaredReference(name) => format!("'{name}' is not defined"),
        E::NoSuchOverload(overload) => overload.to_string(),
        E::DivisionByZero(_) | E::RemainderByZero(_) => "division by zero".to_owned(),
        E::Overflow(..) => "a number is too large".to_owned(),
        E::IndexOutOfBounds(_) => "an index is out of bounds".to_owned(),
        E::ValuesNotComparable(..) => "values that cannot be compared".to_owned(),
        E::FunctionError { function, .. } => format!("{function}() failed"),
        _ => "values of types the expression does not expect".to_owned(),
    }
}

fn on_one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// Functions of the standard library, operators aside.
const FUNCTIONS: [&str; 34] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "bool",
    "dyn",
    "type",
    "duration",
    "timestamp",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
    "of",
    "ofNonZeroValue",
    "none",
    "hasValue",
    "value",
    "or",
    "orValue",
    "optMap",
    "optFlatMap",
];

/// Types, which are names an expression may compare `type(x)` with.
const TYPES: [&str; 10] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "uint", "optional"];

/// A walk over an expression that ends at the first thing that cannot work.
struct Check<'e> {
    scope: Vec<&'e str>,
    depth: usize,
}

impl<'e> Check<'e> {
    fn expression(&mut self, expression: &'e IdedExpr) -> Result<(), FilterError> {
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => self.expression(&select.operand),
            Expr::List(list) => list.elements.iter().try_for_each(|element| self.expression(element)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(_) => Err(FilterError::Cel("messages cannot be built in a filter".to_owned())),
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(comprehension) => {
                self.expression(&comprehension.iter_range)?;
                self.expression(&comprehension.accu_init)?;
                if self.depth == DEEPEST_COMPREHENSION {
                    return Err(FilterError::TooComplex(
                        "all, exists, map and filter are nested more than 2 deep",
                    ));
                }
                self.depth += 1;
                let outer = self.scope.len();
                self.scope.extend([comprehension.iter_var.as_str(), comprehension.accu_var.as_str()]);
                self.scope.extend(comprehension.iter_var2.as_deref());
                self.expression(&comprehension.loop_cond)?;
                self.expression(&comprehension.loop_step)?;
                self.expression(&comprehension.result)?;
                self.scope.truncate(outer);
                self.depth -= 1;
                Ok(())
            }
        }
    }

    fn entry(&mut self, entry: &'e EntryExpr) -> Result<(), FilterError> {
        match entry {
            EntryExpr::StructField(field) => self.expression(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.expression(&entry.key)?;
                self.expression(&entry.value)
            }
        }
    }

    fn variable(&self, name: &str) -> Result<(), FilterError> {
        let known = name.starts_with('@')
            || self.scope.contains(&name)
            || VARIABLES.contains(&name)
            || TYPES.contains(&name);
        if known {
            return Ok(());
        }
        Err(FilterError::Cel(format!("'{name}' is not defined; known are {}", VARIABLES.join(", "))))
    }

    fn call(&mut self, call: &'e CallExpr) -> Result<(), FilterError> {
        let is_operator = !call.func_name.starts_with(|first: char| first.is_alphabetic());
        if !is_operator && !FUNCTIONS.contains(&call.func_name.as_str()) {
            return Err(FilterError::Cel(format!(
                "there is no function '{}' that is called like this",
                call.func_name
            )));
        }
        if call.func_name == "matches" {
            check_pattern(call)?;
        }
        call.target.as_deref().into_iter().chain(&call.args).try_for_each(|operand| self.expression(operand))
    }
}

/// Patterns are compiled at every evaluation, so they must be known, valid and small.
fn check_pattern(call: &CallExpr) -> Result<(), FilterError> {
    let Some(Expr::Literal(LiteralValue::String(pattern))) = call.args.last().map(|argument| &argument.expr)
    else {
        return Err(FilterError::Cel("matches() needs its pattern written out as a text".to_owned()));
    };
    let work = pattern_work(pattern.inner());
    work.map(drop)
        .map_err(|refusal| FilterError::Cel(format!("a pattern of matches() is not valid: {refusal}")))
}
