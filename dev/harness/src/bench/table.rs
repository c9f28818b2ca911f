//! The one table: a row for each figure, Semnal and the null forwarder side by side, and the goals of DESIGN 9.

use crate::bench::history::{self, History};
use crate::bench::throughput::Throughput;
use crate::bench::visible::{self, Visible};
use crate::bench::{Compared, Report, Scenario};

const MEGABYTE: f64 = 1e6;
/// Of the null forwarder's deliveries per second with one endpoint.
const NULL_SHARE: f64 = 0.65;
/// Of one endpoint's deliveries per second, with 1,000 of them.
const THOUSAND_SHARE: f64 = 0.9;

/// So many of the slowest questions of a long history are named.
const SLOWEST_SHOWN: usize = 5;

/// What a figure should be.
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

struct Row {
    scenario: &'static str,
    measure: String,
    semnal: Option<f64>,
    null: Option<f64>,
    goal: Option<Goal>,
}

/// Returns the table.
pub fn render(report: &Report) -> String {
    let machine = &report.machine;
    let mut out = format!(
        "{} cores, {}, {:.0} GB, Linux {}, load before {:.1}; payload {} B, windows of {} s\n\n",
        machine.cores,
        machine.processor,
        machine.memory_bytes as f64 / 1e9,
        machine.kernel,
        machine.load_before,
        report.payload_bytes,
        report.window_s,
    );
    let head = ["scenario", "measure", "semnal", "null forwarder", "goal", "met"].map(str::to_owned);
    let cells: Vec<[String; 6]> = [head].into_iter().chain(rows(report).iter().map(cells)).collect();
    let widths: Vec<usize> =
        (0..6).map(|column| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let mut scenario = "";
    for row in &cells {
        if !scenario.is_empty() && row[0] != scenario {
            out.push('\n');
        }
        let [first, measure, semnal, null, goal, met] = row;
        let first = if first == scenario { "" } else { first };
        let line = format!(
            "{first:<a$}  {measure:<b$}  {semnal:>c$}  {null:>d$}  {goal:<e$}  {met}",
            a = widths[0],
            b = widths[1],
            c = widths[2],
            d = widths[3],
            e = widths[4]
        );
        out.push_str(line.trim_end());
        out.push('\n');
        scenario = &row[0];
    }
    out
}

fn rows(report: &Report) -> Vec<Row> {
    let one = report.throughput.iter().find(|it| it.scenario == Scenario::One);
    let one_per_s = one.and_then(|it| it.semnal.as_ref()).map(|it| it.delivered_per_s);
    let mut rows: Vec<Row> = report
        .throughput
        .iter()
        .flat_map(|compared| throughput_rows(compared, report.payload_bytes as f64, one_per_s))
        .collect();
    let single = |scenario, measure: String, value, goal| Row {
        scenario,
        measure,
        semnal: Some(value),
        null: None,
        goal: Some(Goal::AtMost(goal)),
    };
    if let Some(it) = &report.idle {
        rows.push(single("at rest", "memory, MB".to_owned(), it.resident_bytes / MEGABYTE, 25.0));
        rows.push(single("at rest", "start to ready, ms".to_owned(), it.ready_ms, 100.0));
    }
    if let Some(it) = &report.neighbour {
        let scenario = "hanging neighbour";
        rows.push(Row {
            scenario,
            measure: "healthy alone, end to end p99, ms".to_owned(),
            semnal: Some(it.alone_us / 1e3),
            null: None,
            goal: None,
        });
        let measure = "healthy beside it, end to end p99, ms".to_owned();
        rows.push(single(scenario, measure, it.beside_us / 1e3, it.allowed_us() / 1e3));
    }
    if let Some(it) = &report.captures {
        let scenario = "captures beside deliveries";
        rows.push(Row {
            scenario,
            measure: "deliveries alone, end to end p99, ms".to_owned(),
            semnal: Some(it.alone_us / 1e3),
            null: None,
            goal: None,
        });
        let per_minute = number(it.captured_per_minute);
        let measure = format!("beside {per_minute} captures a minute, p99, ms");
        rows.push(single(scenario, measure, it.beside_us / 1e3, it.allowed_us() / 1e3));
    }
    if let Some(it) = &report.pending {
        let measure = |what| format!("{} pending: {what}", number(it.pending as f64));
        rows.push(single("pending at start", measure("start to ready, ms"), it.ready_ms, 5_000.0));
        rows.push(single("pending at start", measure("peak memory, MB"), it.peak_bytes / MEGABYTE, 256.0));
    }
    rows.extend(report.visible.iter().flat_map(visible_rows));
    rows.extend(report.history.iter().flat_map(history_rows));
    rows
}

fn visible_rows(it: &Visible) -> Vec<Row> {
    let row = |measure, value, goal| Row {
        scenario: "visible in lists",
        measure,
        semnal: Some(value),
        null: None,
        goal,
    };
    let mut rows = vec![
        row("accepted, messages/s".to_owned(), it.accepted_per_s, None),
        row("deliveries looked for in every list".to_owned(), it.picked as f64, None),
    ];
    for list in &it.lists {
        rows.push(row(format!("{}, p50, ms", list.list), list.p50_us / 1e3, None));
        rows.push(row(format!("{}, p99, ms", list.list), list.p99_us / 1e3, None));
        let goal = Goal::AtMost(visible::WITHIN_US as f64 / 1e3);
        rows.push(row(format!("{}, latest, ms", list.list), list.max_us / 1e3, Some(goal)));
    }
    rows.push(row("later than that".to_owned(), it.late() as f64, Some(Goal::AtMost(0.0))));
    rows
}

fn history_rows(it: &History) -> Vec<Row> {
    let row = |measure, value, goal| Row {
        scenario: "long history",
        measure,
        semnal: Some(value),
        null: None,
        goal,
    };
    let within = || Some(Goal::AtMost(history::WITHIN_US / 1e3));
    let mut rows = vec![
        row("deliveries stored".to_owned(), it.deliveries as f64, None),
        row(
            format!("slowest of {} questions, median, ms", it.questions.len()),
            it.worst_median_us() / 1e3,
            within(),
        ),
        row(format!("slowest of all, {} times each, ms", it.times), it.worst_us() / 1e3, within()),
    ];
    let slowest = it.questions.iter().take(SLOWEST_SHOWN);
    rows.extend(
        slowest.map(|asked| row(format!("  {}, worst, ms", asked.question), asked.worst_us / 1e3, None)),
    );
    let middle = |values: &Vec<f64>| super::middle(values.clone());
    rows.push(row("delivered with an empty store, deliveries/s".to_owned(), middle(&it.empty_per_s), None));
    rows.push(row("delivered with the full one, deliveries/s".to_owned(), middle(&it.full_per_s), None));
    rows.push(row("share".to_owned(), it.share(), Some(Goal::AtLeast(history::SHARE))));
    rows
}

fn throughput_rows(compared: &Compared, payload_bytes: f64, one_per_s: Option<f64>) -> Vec<Row> {
    let scenario = match compared.scenario {
        Scenario::Thousand => "1,000 endpoints, 100 applications",
        Scenario::FanOut => "fan-out of ten",
        Scenario::Paced => "one endpoint, paced",
        _ => "one endpoint",
    };
    let null_per_s = compared.null.delivered_per_s;
    let delivered_goal = match compared.scenario {
        Scenario::One => Some(Goal::AtLeast((null_per_s * NULL_SHARE).max(30_000.0))),
        Scenario::Thousand => one_per_s.map(|rate| Goal::AtLeast(rate * THOUSAND_SHARE)),
        Scenario::FanOut => Some(Goal::AtLeast(50_000.0)),
        _ => None,
    };
    // At a low rate nothing shares a commit or a wake-up; cost is judged where the server is busy.
    let busy = |goal| (compared.scenario != Scenario::Paced).then_some(Goal::AtMost(goal));
    let paced = |goal| (compared.scenario == Scenario::Paced).then_some(Goal::AtMost(goal));
    let row = |measure: &str, figure: &dyn Fn(&Throughput) -> f64, goal| Row {
        scenario,
        measure: measure.to_owned(),
        semnal: compared.semnal.as_ref().map(figure),
        null: Some(figure(&compared.null)),
        goal,
    };
    vec![
        row("accepted, messages/s", &|it| it.accepted_per_s, None),
        row("delivered until all were, deliveries/s", &|it| it.delivered_per_s, delivered_goal),
        row("202 after, p50, ms", &|it| it.ack_p50_us / 1e3, paced(2.0)),
        row("202 after, p99, ms", &|it| it.ack_p99_us / 1e3, paced(10.0)),
        row("end to end, p50, ms", &|it| it.end_to_end_p50_us / 1e3, paced(3.0)),
        row("end to end, p99, ms", &|it| it.end_to_end_p99_us / 1e3, paced(15.0)),
        row("server CPU per message, µs", &|it| it.cpu_us_per_message, None),
        row("server CPU per delivery, µs", &|it| it.cpu_us_per_delivery, busy(40.0)),
        row("peak memory, MB", &|it| it.peak_bytes / MEGABYTE, None),
        row("written per message, × payload", &|it| it.written_bytes_per_message / payload_bytes, busy(5.0)),
        row("repeats", &|it| it.repeats, None),
    ]
}

fn cells(row: &Row) -> [String; 6] {
    let show = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), number);
    let (goal, met) = match (&row.goal, row.semnal) {
        (None, _) => (String::new(), ""),
        (Some(Goal::AtLeast(least)), value) => {
            (format!("≥ {}", number(*least)), verdict(value.map(|value| value >= *least)))
        }
        (Some(Goal::AtMost(most)), value) => {
            (format!("≤ {}", number(*most)), verdict(value.map(|value| value <= *most)))
        }
    };
    [row.scenario.to_owned(), row.measure.clone(), show(row.semnal), show(row.null), goal, met.to_owned()]
}

fn verdict(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "",
    }
}

/// Three significant digits below 1,000; thousands grouped above.
fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 1_000.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::start::Idle;

    #[test]
    fn numbers_are_grouped_and_short() {
        for (value, text) in
            [(0.0, "0.00"), (1.234, "1.23"), (12.34, "12.3"), (999.0, "999.0"), (1_234_567.0, "1,234,567")]
        {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_missed_goal_says_so() {
        let idle = Some(Idle { resident_bytes: 20e6, ready_ms: 150.0 });
        let text = render(&Report { idle, ..Report::default() });
        let lines: Vec<&str> = text.lines().filter(|line| line.contains('≤')).collect();
        assert!(lines[0].ends_with("yes") && lines[1].ends_with("NO"), "{text}");
    }
}
