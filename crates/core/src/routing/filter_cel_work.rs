//! How much work a CEL expression can be at most, as a polynomial in the size of the payload. CEL has no loops but
//! comprehensions, and no budget either: two of them nested over a large payload, each comparing large texts, would
//! take minutes. Whatever is not recognised as cheap is counted as a walk over the whole payload.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators};

use super::event_document::DocumentSize;
use super::filter_pattern::pattern_work;

/// Most units of work, each about 100 ns: a tenth of a second.
const MOST_WORK: u64 = 1_000_000;

/// The most work an expression can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WorkBound {
    work: Work,
    /// Elements of the longest list written out in the expression, which computed lists may be as long as.
    longest_literal: u64,
}

impl WorkBound {
    /// Bounds an expression.
    pub(super) fn of(expression: &IdedExpr) -> Self {
        let mut walk = Walk { loops: Vec::new(), longest_literal: 1 };
        let cost = walk.cost(expression);
        Self { work: cost.each.plus(cost.shared), longest_literal: walk.longest_literal }
    }

    /// Whether it is bearable on a payload of this size. Texts weigh by their length.
    pub(super) fn is_bearable(&self, document: &DocumentSize) -> bool {
        let n = document.nodes.max(document.bytes / 64).max(self.longest_literal);
        let powers = [1, n, n.saturating_pow(2), n.saturating_pow(3)];
        let work = self
            .work
            .0
            .iter()
            .zip(powers)
            .fold(0_u64, |sum, (count, power)| sum.saturating_add(count.saturating_mul(power)));
        work <= MOST_WORK
    }
}

/// Work as coefficients of 1, n, n² and n³.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Work([u64; 4]);

impl Work {
    const fn units(count: u64) -> Self {
        Self([count, 0, 0, 0])
    }

    const fn walks(count: u64) -> Self {
        Self([0, count, 0, 0])
    }

    fn plus(self, other: Self) -> Self {
        let mut sum = self.0;
        sum.iter_mut().zip(other.0).for_each(|(one, more)| *one = one.saturating_add(more));
        Self(sum)
    }

    fn times(self, factor: u64) -> Self {
        Self(self.0.map(|count| count.saturating_mul(factor)))
    }

    /// Done once in every turn of a loop.
    fn repeated(self, turns: Turns) -> Self {
        match turns {
            Turns::Literal(turns) => self.times(turns),
            Turns::Payload { times } => {
                let [one, n, squared, cubed] = self.times(times).0;
                // There is no n⁴: that much is never bearable.
                Self([0, one, n, squared.saturating_add(cubed.saturating_mul(MOST_WORK))])
            }
        }
    }
}

/// How often a loop turns.
#[derive(Clone, Copy)]
enum Turns {
    /// Once for every element written out in the expression.
    Literal(u64),
    /// At most so many times as the payload has parts.
    Payload { times: u64 },
}

/// The cost of an expression: `each` time it is evaluated, and `shared` by all evaluations of the loop around it.
#[derive(Clone, Copy, Default)]
struct Cost {
    each: Work,
    shared: Work,
}

impl Cost {
    fn plus(self, other: Self) -> Self {
        Self { each: self.each.plus(other.each), shared: self.shared.plus(other.shared) }
    }

    fn units(count: u64) -> Self {
        Self { each: Work::units(count), shared: Work::default() }
    }
}

/// What a path begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Root {
    /// A variable of the event.
    Event,
    /// The element of a loop, whose parts all elements together have only once.
    Element,
    /// Neither: a literal, or something computed.
    Computed,
}

struct Walk<'e> {
    /// Variables of the loops around, innermost last, and whether each loop's elements are parts of the payload.
    loops: Vec<(&'e str, bool)>,
    longest_literal: u64,
}

impl<'e> Walk<'e> {
    fn cost(&mut self, expression: &'e IdedExpr) -> Cost {
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => Cost::units(1),
            Expr::Select(select) => self.cost(&select.operand).plus(Cost::units(1)),
            Expr::List(list) => {
                self.longest_literal = self.longest_literal.max(list.elements.len() as u64);
                self.sum(list.elements.iter()).plus(self.scans(list.elements.iter()))
            }
            Expr::Map(map) => self.entries(map.entries.iter().map(|entry| &entry.expr)),
            Expr::Struct(fields) => self.entries(fields.entries.iter().map(|entry| &entry.expr)),
            Expr::Call(call) => self.call(expression, call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
        }
    }

    fn call(&mut self, expression: &'e IdedExpr, call: &'e CallExpr) -> Cost {
        let operands = || call.target.as_deref().into_iter().chain(&call.args);
        let own = match call.func_name.as_str() {
            name if is_control(name) => Cost::units(1),
            name if is_comparison(name) && operands().any(|operand| self.is_small(operand)) => Cost::units(1),
            "matches" => Cost::units(matching_work(call)).plus(self.scans(operands())),
            // A sum of texts may be as long as all of them together, so each `+` counts those below it again.
            operators::ADD => self
                .scans(operands())
                .plus(Cost { each: Work::walks(sums_below(expression)), ..Cost::default() }),
            _ => self.scans(operands()),
        };
        self.sum(operands()).plus(own)
    }

    fn sum(&mut self, expressions: impl Iterator<Item = &'e IdedExpr>) -> Cost {
        expressions.fold(Cost::units(1), |sum, expression| sum.plus(self.cost(expression)))
    }

    fn entries(&mut self, entries: impl Iterator<Item = &'e EntryExpr>) -> Cost {
        let values = entries.flat_map(|entry| match entry {
            EntryExpr::StructField(field) => vec![&field.value],
            EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
        });
        let values: Vec<_> = values.collect();
        self.sum(values.iter().copied()).plus(self.scans(values.into_iter()))
    }

    /// A walk over the payload for every operand that could be all of it.
    fn scans(&self, operands: impl Iterator<Item = &'e IdedExpr>) -> Cost {
        operands.fold(Cost::units(1), |sum, operand| {
            sum.plus(match self.root(operand) {
                Root::Event => Cost { each: Work::walks(1), ..Cost::default() },
                Root::Element => Cost { each: Work::units(1), shared: Work::walks(1) },
                Root::Computed => Cost::units(1),
            })
        })
    }

    fn comprehension(&mut self, comprehension: &'e ComprehensionExpr) -> Cost {
        let range =
            self.cost(&comprehension.iter_range).plus(self.scans(std::iter::once(&comprehension.iter_range)));
        let around = self.cost(&comprehension.accu_init).plus(self.cost(&comprehension.result));
        let root = self.root(&comprehension.iter_range);
        let turns = match &comprehension.iter_range.expr {
            Expr::List(list) => Turns::Literal(list.elements.len() as u64),
            _ => Turns::Payload { times: 1 + sums_below(&comprehension.iter_range) },
        };
        self.loops.push((&comprehension.iter_var, is_path(&comprehension.iter_range)));
        let body = self.cost(&comprehension.loop_cond).plus(self.cost(&comprehension.loop_step));
        self.loops.pop();
        // What elements share is done once, unless the same elements come again.
        let all = body.each.repeated(turns).plus(match turns {
            Turns::Literal(_) => body.shared.repeated(turns),
            Turns::Payload { times } => body.shared.times(times),
        });
        let looped = match root {
            // Every element of the outer loop has its own part: together they are walked once.
            Root::Element => Cost { each: Work::units(1), shared: all },
            Root::Event | Root::Computed => Cost { each: all, shared: Work::default() },
        };
        range.plus(around).plus(looped)
    }

    /// Whether a value is small compared to the payload, so that comparing with it is quick.
    fn is_small(&self, expression: &IdedExpr) -> bool {
        self.root(expression) != Root::Event && sums_below(expression) == 0
    }

    fn root(&self, expression: &IdedExpr) -> Root {
        match &expression.expr {
            Expr::Ident(name) => match self.loops.iter().rev().find(|(variable, _)| variable == name) {
                Some((_, true)) => Root::Element,
                Some((_, false)) => Root::Event,
                None if name.starts_with('@') => Root::Computed,
                None => Root::Event,
            },
            Expr::Select(select) => self.root(&select.operand),
            Expr::Call(call) if call.func_name == operators::INDEX => {
                call.args.first().map_or(Root::Computed, |of| self.root(of))
            }
            Expr::Call(call)
                if call.func_name == operators::CONDITIONAL || call.func_name == operators::ADD =>
            {
                Root::Event
            }
            Expr::Comprehension(_) => Root::Event,
            _ => Root::Computed,
        }
    }
}

fn is_control(name: &str) -> bool {
    use operators::{CONDITIONAL, INDEX, LOGICAL_AND, LOGICAL_NOT, LOGICAL_OR, NOT_STRICTLY_FALSE};
    [LOGICAL_AND, LOGICAL_OR, LOGICAL_NOT, CONDITIONAL, INDEX, NOT_STRICTLY_FALSE].contains(&name)
}

/// Comparing takes as long as the smaller side is.
fn is_comparison(name: &str) -> bool {
    use operators::{EQUALS, GREATER, GREATER_EQUALS, LESS, LESS_EQUALS, NOT_EQUALS};
    [EQUALS, NOT_EQUALS, LESS, LESS_EQUALS, GREATER, GREATER_EQUALS].contains(&name)
}

/// Whether an expression only picks a part of a variable.
fn is_path(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Ident(_) => true,
        Expr::Select(select) => is_path(&select.operand),
        Expr::Call(call) => call.func_name == operators::INDEX && call.args.first().is_some_and(is_path),
        _ => false,
    }
}

/// What a call of `matches` costs by its pattern; one that is not written out could be anything.
fn matching_work(call: &CallExpr) -> u64 {
    match call.args.last().map(|argument| &argument.expr) {
        Some(Expr::Literal(LiteralValue::String(pattern))) => {
            pattern_work(pattern.inner()).unwrap_or(MOST_WORK)
        }
        _ => MOST_WORK,
    }
}

/// The number of `+` in the operands of an expression, itself included.
fn sums_below(expression: &IdedExpr) -> u64 {
    match &expression.expr {
        Expr::Call(call) => {
            let below: u64 = call.target.as_deref().into_iter().chain(&call.args).map(sums_below).sum();
            below + u64::from(call.func_name == operators::ADD && !call.args.iter().any(is_list_literal))
        }
        Expr::Select(select) => sums_below(&select.operand),
        _ => 0,
    }
}

fn is_list_literal(expression: &IdedExpr) -> bool {
    matches!(expression.expr, Expr::List(_))
}
