//! The only dynamic SQL: conditions and order of filtered lists. Every column comes from the list's own table of columns,
//! every value is bound. What a list answers with is a page of keys; the rows behind them are read by a fixed query.

use callbacks_interfaces::field_errors::{FieldError, ValidationErrors};
use callbacks_interfaces::filter::{FilterCondition, FilterRange, FilterRequest, SortDirection, SortKey};
use callbacks_interfaces::tenant::TenantScope;
use serde_json::Value;
use sqlx::postgres::{PgConnection, Postgres};
use sqlx::types::Uuid;
use sqlx::{QueryBuilder, Row};

use crate::error::FilterError;
use crate::filter_value::{Bound, Kind, bound};

/// A field of a list: its JSON name, the expression it stands for, and what it is compared with.
pub(crate) struct Column {
    pub(crate) field: &'static str,
    pub(crate) sql: &'static str,
    pub(crate) kind: Kind,
}

/// A line of a table of columns.
pub(crate) const fn column(field: &'static str, sql: &'static str, kind: Kind) -> Column {
    Column { field, sql, kind }
}

/// A list that can be filtered.
pub(crate) struct FilteredList {
    /// What follows FROM.
    pub(crate) from: &'static str,
    /// The key, as two expressions (the same one twice when it has one part). Breaks ties of the order, too.
    pub(crate) key: [&'static str; 2],
    /// The tenant's expression.
    pub(crate) tenant: &'static str,
    /// The fields.
    pub(crate) columns: &'static [Column],
    /// Expressions a search looks into.
    pub(crate) searched: &'static [&'static str],
    /// The order when none is asked for.
    pub(crate) default_order: &'static str,
}

/// A page of keys and how many rows match in all.
pub(crate) struct Keys {
    pub(crate) page: Vec<(Uuid, Uuid)>,
    pub(crate) total: u64,
}

/// Matching rows are counted up to here: nobody pages further, and counting a history of years would take minutes.
pub(crate) const COUNT_MAX: i64 = 1_000_000;

/// Finds the page of keys that `request` asks for, within `scope`.
pub(crate) async fn page_of_keys(
    connection: &mut PgConnection,
    list: &FilteredList,
    scope: &TenantScope,
    request: &FilterRequest,
) -> Result<Keys, FilterError> {
    let statements = Statements::of(list, scope, request).map_err(FilterError::Invalid)?;
    let Statements { mut page, mut count } = statements;
    let total: i64 = count.build_query_scalar().fetch_one(&mut *connection).await?;
    let rows = page.build().fetch_all(connection).await?;
    let page =
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?;
    Ok(Keys { page, total: total.unsigned_abs() })
}

struct Statements {
    page: QueryBuilder<Postgres>,
    count: QueryBuilder<Postgres>,
}

impl Statements {
    fn of(
        list: &FilteredList,
        scope: &TenantScope,
        request: &FilterRequest,
    ) -> Result<Self, ValidationErrors> {
        let conditions = Conditions::of(list, scope, request)?;
        let order = order_by(list, &request.sort)?;
        let [first, second] = list.key;
        let mut page = QueryBuilder::new(format!("SELECT {first}, {second} FROM {}", list.from));
        conditions.push_to(&mut page);
        page.push(order).push(" LIMIT ").push_bind(i64::from(request.size));
        // Beyond what is counted there is no page to see.
        let offset = i64::try_from(request.offset()).unwrap_or(i64::MAX);
        page.push(" OFFSET ").push_bind(offset);
        let mut count = QueryBuilder::new(format!("SELECT count(*) FROM (SELECT FROM {}", list.from));
        conditions.push_to(&mut count);
        count.push(" LIMIT ").push_bind(COUNT_MAX).push(") AS matching");
        Ok(Self { page, count })
    }
}

/// The WHERE clause, kept as data because two statements need it.
struct Conditions<'a> {
    list: &'a FilteredList,
    tenant: Option<&'a str>,
    compared: Vec<Comparison>,
    search: Option<String>,
}

struct Comparison {
    sql: &'static str,
    test: Test,
}

enum Test {
    Unset,
    Compare(&'static str, Bound),
    /// Equal, by this operator, to any of the values; or unset, when `null` is one of them.
    AnyOf(&'static str, Vec<Bound>, bool),
    Like(String),
}

impl<'a> Conditions<'a> {
    fn of(
        list: &'a FilteredList,
        scope: &'a TenantScope,
        request: &FilterRequest,
    ) -> Result<Self, ValidationErrors> {
        let mut compared = Vec::new();
        let mut errors = Vec::new();
        for (field, condition) in &request.filters {
            match comparisons(list, field, condition) {
                Ok(found) => compared.extend(found),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(ValidationErrors(errors));
        }
        Ok(Self { list, tenant: scope.sql(), compared, search: request.search.as_deref().map(like_pattern) })
    }

    fn push_to(&self, query: &mut QueryBuilder<Postgres>) {
        query.push(" WHERE true");
        if let Some(tenant) = self.tenant {
            query.push(format!(" AND {} = ", self.list.tenant));
            query.push_bind(tenant.to_owned());
        }
        for comparison in &self.compared {
            comparison.push_to(query);
        }
        if let Some(pattern) = &self.search {
            query.push(" AND (false");
            for sql in self.list.searched {
                query.push(format!(" OR {sql} ILIKE "));
                query.push_bind(pattern.clone());
            }
            query.push(")");
        }
    }
}

impl Comparison {
    fn push_to(&self, query: &mut QueryBuilder<Postgres>) {
        query.push(" AND ");
        match &self.test {
            Test::Unset => {
                query.push(format!("{} IS NULL", self.sql));
            }
            Test::Compare(operator, value) => {
                query.push(format!("{} {operator} ", self.sql));
                value.push_to(query);
            }
            Test::AnyOf(equality, values, or_unset) => {
                query.push(if *or_unset { format!("({} IS NULL", self.sql) } else { "(false".to_owned() });
                for value in values {
                    query.push(format!(" OR {} {equality} ", self.sql));
                    value.push_to(query);
                }
                query.push(")");
            }
            Test::Like(pattern) => {
                query.push(format!("{}::text ILIKE ", self.sql));
                query.push_bind(pattern.clone());
            }
        }
    }
}

fn comparisons(
    list: &FilteredList,
    field: &str,
    condition: &FilterCondition,
) -> Result<Vec<Comparison>, FieldError> {
    let name = format!("filters.{field}");
    let column = column_of(list, field, &name)?;
    let value = |value: &Value| bound(column.kind, value, &name);
    let test = |test| Comparison { sql: column.sql, test };
    Ok(match condition {
        FilterCondition::Equals(Value::Null) => vec![test(Test::Unset)],
        FilterCondition::Equals(given) => vec![test(Test::Compare(column.kind.equality(), value(given)?))],
        FilterCondition::AnyOf(given) => {
            let (unset, set): (Vec<&Value>, Vec<&Value>) = given.iter().partition(|v| v.is_null());
            let values = set.into_iter().map(value).collect::<Result<_, _>>()?;
            vec![test(Test::AnyOf(column.kind.equality(), values, !unset.is_empty()))]
        }
        FilterCondition::Range(range) => within(column, range, &name)?,
    })
}

fn within(column: &'static Column, range: &FilterRange, name: &str) -> Result<Vec<Comparison>, FieldError> {
    let bounds = [(">=", &range.gte), (">", &range.gt), ("<=", &range.lte), ("<", &range.lt)];
    let mut found = Vec::new();
    for (operator, limit) in bounds {
        if let Some(limit) = limit {
            let value = bound(column.kind, limit, name)?;
            found.push(Test::Compare(operator, value));
        }
    }
    found.extend(range.like.as_deref().map(|text| Test::Like(like_pattern(text))));
    let sql = column.sql;
    Ok(found.into_iter().map(|test| Comparison { sql, test }).collect())
}

fn order_by(list: &FilteredList, sort: &[SortKey]) -> Result<String, ValidationErrors> {
    let mut order = String::from(" ORDER BY ");
    if sort.is_empty() {
        order.push_str(list.default_order);
        order.push_str(", ");
    }
    for key in sort {
        let column = column_of(list, &key.field, "sort")?;
        order.push_str(column.sql);
        order.push_str(match key.direction {
            SortDirection::Ascending => " ASC, ",
            SortDirection::Descending => " DESC NULLS LAST, ",
        });
    }
    let [first, second] = list.key;
    order.push_str(&format!("{first}, {second}"));
    Ok(order)
}

fn column_of(list: &FilteredList, field: &str, name: &str) -> Result<&'static Column, FieldError> {
    list.columns.iter().find(|column| column.field == field).ok_or_else(|| {
        let known: Vec<&str> = list.columns.iter().map(|column| column.field).collect();
        let message = format!("{field:?} is not a field of this list; it has {}", known.join(", "));
        FieldError::new(name, "Unknown", message)
    })
}

/// A pattern that matches wherever `text` occurs; none of its characters is a wildcard.
fn like_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars().filter(|character| *character != '\0') {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// Rows in the order of their keys, which a query by keys does not keep.
pub(crate) fn in_order<T>(keys: &[(Uuid, Uuid)], rows: Vec<T>, key: impl Fn(&T) -> (Uuid, Uuid)) -> Vec<T> {
    let mut by_key: std::collections::HashMap<(Uuid, Uuid), T> =
        rows.into_iter().map(|row| (key(&row), row)).collect();
    keys.iter().filter_map(|key| by_key.remove(key)).collect()
}

#[cfg(test)]
mod tests {
    use callbacks_interfaces::tenant::TenantId;

    use super::*;
    use crate::configuration_row::CONFIGURATION_LIST;
    use crate::domain_row::DOMAIN_LIST;
    use crate::event_type_row::EVENT_TYPE_LIST;
    use crate::execution_row::EXECUTION_LIST;
    use crate::subscription_row::SUBSCRIPTION_LIST;

    #[test]
    fn every_list_holds_page_and_count_to_the_tenant() {
        let lists =
            [&CONFIGURATION_LIST, &DOMAIN_LIST, &EVENT_TYPE_LIST, &EXECUTION_LIST, &SUBSCRIPTION_LIST];
        let own = TenantScope::One(TenantId::default_tenant());
        for list in lists {
            let condition = format!(" WHERE true AND {} = $1", list.tenant);
            assert!(list.tenant.ends_with("tenant_id"), "{}", list.tenant);
            let request = FilterRequest::default();
            let scoped = Statements::of(list, &own, &request).expect("nothing is asked for");
            let all = Statements::of(list, &TenantScope::All, &request).expect("nothing is asked for");
            for (one, every) in [(scoped.page, all.page), (scoped.count, all.count)] {
                let (one, every) = (one.sql(), every.sql());
                assert!(one.as_str().contains(&condition), "{}", one.as_str());
                assert!(!every.as_str().contains(&condition), "an operator sees all: {}", every.as_str());
            }
        }
    }
}
