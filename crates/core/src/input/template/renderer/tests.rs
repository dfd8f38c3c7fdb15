use proptest::prelude::*;
use serde_json::json;

use super::*;
use batchpost_sheets::json;

fn renderer(template: &str, header: &[&str]) -> Result<Renderer, TemplateError> {
    let columns: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
    Renderer::for_columns(&template.parse().unwrap(), &columns)
}

/// The text of one row under a header, or the error.
fn text(template: &str, row: &[(&str, &str)]) -> String {
    let (header, cells): (Vec<&str>, Vec<&str>) = row.iter().copied().unzip();
    match renderer(template, &header).map(|mut renderer| renderer.render_cells(&cells)) {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    }
}

fn of_object(template: &str, object: &serde_json::Value) -> String {
    let mut renderer = Renderer::for_objects(&template.parse().unwrap()).unwrap();
    let json = object.to_string();
    match renderer.render_object(&json::read(json.as_bytes(), |name| renderer.needs(name)).unwrap()) {
        Ok(text) => text,
        Err(error) => error.to_string(),
    }
}

#[test]
fn columns_are_reached_by_name_and_through_row() {
    let row = [("Date", "2025-12-01"), ("Agent name", "Ann"), ("Größe", "L"), ("n", "7")];
    for (template, wanted) in [
        ("{{ Date }} {{ row[\"Agent name\"] }}", "2025-12-01 Ann"),
        ("{{ row.Date }} {{ Größe }} {{ row['Größe'] }}", "2025-12-01 L L"),
        ("{% set c = 'Agent ' ~ 'name' %}{{ row[c] }}", "Ann"),
        (
            "{% for name, cell in row | items %}{{ name }}={{ cell }};{% endfor %}",
            "Date=2025-12-01;Agent name=Ann;Größe=L;n=7;",
        ),
        ("{% if n | int > 5 %}many{% else %}few{% endif %}", "many"),
        ("{% if 'n' in row %}{{ row | length }}{% endif %}", "4"),
        ("{{ Date | date('%d.%m.%Y') }}", "01.12.2025"),
        ("static", "static"),
        ("", ""),
    ] {
        assert_eq!(text(template, &row), wanted, "{template}");
    }
}

#[test]
fn names_that_are_words_of_the_language_are_columns_too() {
    for name in ["row", "date", "lower", "range", "namespace", "debug", "dict", "html_to_text", "default", "defined"] {
        let through_row = format!("{{{{ row['{name}'] }}}}{{{{ 'A' | lower }}}}{{{{ other is defined }}}}");
        assert_eq!(text(&through_row, &[(name, "x"), ("other", "y")]), "xaTrue", "{name}");
        if name != "row" {
            assert_eq!(text(&format!("{{{{ {name} }}}}{{{{ row.{name} | upper }}}}"), &[(name, "x")]), "xX", "{name}");
        }
    }
    for name in ["if", "none", "True", "in", "loop", "self", "", "0", "a.b", "{{", "%}"] {
        assert_eq!(text(&format!("{{{{ row[\"{name}\"] }}}}"), &[(name, "x")]), "x", "{name}");
    }
    assert_eq!(text(r#"{{ row["a\"b"] }}"#, &[("a\"b", "x")]), "x");
}

#[test]
fn a_column_that_is_not_there_is_found_before_the_first_row() {
    for (template, wanted) in [
        (
            "{{ Datee }}",
            r#"line 1 of the template: no column "Datee"; the closest is "Date"; the columns are "Date", "Note", "Note""#,
        ),
        ("\n{{ row['Agent'] | default('') }}", r#"line 2 of the template: no column "Agent"; the columns are"#),
        ("{% if false %}{{ date }}{% endif %}", r#"line 1 of the template: no column "date"; the closest is "Date""#),
        ("{{ now() }}", r#"line 1 of the template: no column "now""#),
        ("{{ range(3) }}", r#"line 1 of the template: no column "range""#),
        (
            "{{ Date }}\n{{ Note }}",
            r#"line 2 of the template: the header has the column "Note" more than once; rename the one not meant"#,
        ),
        ("{{ row.Note }}", r#"line 1 of the template: the header has the column "Note" more than once"#),
    ] {
        let error = renderer(template, &["Date", "Note", "Note"]).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{template}: {error}");
    }
    let mut dynamic = renderer("{{ row['No' ~ 'te'] }}", &["Date", "Note", "Note"]).unwrap();
    let error = dynamic.render_cells(&["a", "b", "c"]).unwrap_err().to_string();
    assert_eq!(error, r#"line 1 of the template: the header has the column "Note" more than once"#);
    assert_eq!(
        text("{{ row['a' ~ 'b'] }}", &[("a", "x")]).split(';').next(),
        Some("line 1 of the template: `row['ab']` is undefined")
    );
}

#[test]
fn only_the_columns_that_are_named_are_used() {
    for (template, wanted) in [
        ("{{ c }}{{ row['a'] }}{{ c }}", &[0, 2][..]),
        // The check does not distinguish whether a name is read before it is set.
        ("{% set b = 1 %}{{ b }}", &[1]),
        ("{% for a in b %}{{ a }}{% endfor %}", &[0, 1]),
        ("{% set x = 1 %}{{ 'b' }}{{ x.b }}{% if a is odd %}{% endif %}", &[0]),
        ("{{ row[a] }}", &[0, 1, 2]),
        ("{{ row | length }}", &[0, 1, 2]),
        ("{# {{ a }} #}'row'", &[]),
    ] {
        assert_eq!(renderer(template, &["a", "b", "c"]).unwrap().uses(), wanted, "{template}");
    }
    let needs = |template: &str| {
        let renderer = Renderer::for_objects(&template.parse().unwrap()).unwrap();
        ["a", "b", "c", "x"].into_iter().filter(|name| renderer.needs(name)).collect::<String>()
    };
    assert_eq!(needs("{{ b.c }}{{ row.a.x }}"), "ab");
    assert_eq!(needs("{% set c = 1 %}{{ c }}"), "c");
    assert_eq!(needs("{{ row }}"), "abcx");
}

#[test]
fn a_name_that_is_set_is_a_column_where_it_is_read_before() {
    for template in [
        "{% set Comment = Comment | default('') %}{{ Comment }}",
        "{% with Comment = Comment | upper | lower %}{{ Comment }}{% endwith %}",
        "{% with Comment = 'x' %}{% endwith %}{{ Comment | default('') }}",
        "{% set Comment %}{{ Comment | default('') }}{% endset %}{{ Comment }}",
        "{% for Comment in [Comment | default('')] %}{{ Comment }}{% endfor %}",
        "{% if false %}{% set Comment = '' %}{% endif %}{{ Comment | default('') }}",
    ] {
        assert_eq!(text(template, &[("Comment", "hi"), ("Ticket", "1")]), "hi", "{template}");
        assert_eq!(of_object(template, &json!({ "Comment": "hi", "Ticket": 1 })), "hi", "{template}");
    }
}

#[test]
fn a_column_that_was_not_read_is_an_error_and_no_empty_text() {
    let mut renderer = renderer("{{ a }}{{ b | default('') }}", &["a", "b"]).unwrap();
    renderer.uses = [0].into();
    let error = renderer.render_cells(&["x", "y"]).unwrap_err().to_string();
    assert_eq!(error, "line 1 of the template: the column \"b\" was not read; write row[\"b\"] instead");
}

#[test]
fn cells_are_never_read_as_a_template_and_nothing_is_escaped() {
    let hostile =
        "{{ 7 * 7 }} {% if x %} {# y #} {product} ${HOME} $1 %s {{{{ <b>&\"'</b> \\n \u{202e} {% raw %} }} %}";
    for template in [
        "{{ a }}",
        "{{ row['a'] }}",
        "{% set b = a %}{{ b }}",
        "{{ a | default('') }}",
        "{{ a ~ '' }}",
        "{{ '%s' | format(a) }}",
        "{{ a | replace('nothing', 'x') }}",
        "{% for x in [a] %}{{ x }}{% endfor %}",
        "{% filter trim %}{{ a }}{% endfilter %}",
    ] {
        assert_eq!(text(template, &[("a", hostile)]), hostile, "{template}");
    }
    // A column name is not interpreted either.
    assert_eq!(text("{% for name in row %}{{ name }}{% endfor %}", &[(hostile, "")]), hostile);
    assert_eq!(of_object("{{ a }}", &json!({ "a": hostile })), hostile);
}

#[test]
fn line_ends_stay_but_for_the_last_of_the_template() {
    for (template, wanted) in
        [("a\n", "a"), ("a\n\n", "a\n"), ("a\r\n", "a"), ("{{ x }}\n", "1\n"), ("a\r\nb", "a\r\nb")]
    {
        assert_eq!(text(template, &[("x", "1\n")]), wanted, "{template:?}");
    }
}

#[test]
fn objects_have_nested_names_and_rows_that_lack_one_say_which() {
    let object = json!({
        "customer": { "name": "Ann", "tags": ["a", "b"], "none": null },
        "n": 7, "big": u64::MAX, "low": i64::MIN, "f": 1.5, "yes": true, "nothing": null, "row": "r",
    });
    for (template, wanted) in [
        ("{{ customer.name }} {{ row.customer.name }} {{ row['customer']['name'] }}", "Ann Ann Ann"),
        ("{{ customer.tags | join(', ') }} {{ customer.tags[1] }}", "a, b b"),
        (
            "{{ n | int + 1 }} {{ big }} {{ low }} {{ f }} {{ yes }}",
            "8 18446744073709551615 -9223372036854775808 1.5 True",
        ),
        ("[{{ nothing }}{{ customer.none }}]{% if nothing %}x{% endif %}", "[]"),
        ("{{ row.row }}", "r"),
        ("{{ missing | default('-') }}{{ customer.missing | default('-') }}", "--"),
        ("{% if missing is defined %}x{% endif %}", ""),
        ("{% for name in row %}{{ name }} {% endfor %}", "big customer f low n nothing row yes "),
    ] {
        assert_eq!(of_object(template, &object), wanted, "{template}");
    }
    for (template, wanted) in [
        (
            "{{ customer.nmae }}",
            "line 1 of the template: `customer.nmae` is undefined; if the value may be missing, write {{ NAME | default('') }}",
        ),
        ("\n{{ missing }}", "line 2 of the template: `missing` is undefined;"),
        ("{{ missing.name | default('') }}", "line 1 of the template: `missing` is undefined;"),
        ("{{ row.missing }}", "line 1 of the template: `row.missing` is undefined;"),
        ("{{ row['a b'] }}", "line 1 of the template: `row['a b']` is undefined;"),
        ("{% if missing %}x{% endif %}", "line 1 of the template: `missing` is undefined;"),
        ("{{ missing | upper }}", "line 1 of the template: `missing` is undefined;"),
        ("{{ missing | html_to_text }}", "line 1 of the template: `missing` is undefined;"),
        ("{{ missing | date }}", "line 1 of the template: `missing` is undefined;"),
        ("{{ 'a' ~ missing }}", "line 1 of the template: `missing` is undefined;"),
        ("{% for x in missing %}{% endfor %}", "line 1 of the template: `missing` is undefined;"),
    ] {
        let error = of_object(template, &object);
        assert!(error.starts_with(wanted), "{template}: {error}");
    }
}

#[test]
fn bad_values_are_named() {
    for (template, wanted) in [
        ("a\n{{ a | int }}", "line 2 of the template: "),
        ("{{ a | date }}", "line 1 of the template: date: \"x\" is not a date like 2025-12-01 09:30"),
        ("{{ a + 1 }}", "line 1 of the template: "),
        ("{{ a.upper() }}", "line 1 of the template: "),
        ("{{ 1 / 0 }}", "line 1 of the template: "),
        ("{{ a[1:2:0] }}", "line 1 of the template: "),
        ("{{ [a] | map('nosuch') | join }}", "line 1 of the template: "),
        ("{{ [a] | map('safe') | join }}", "line 1 of the template: "),
    ] {
        let error = text(template, &[("a", "x")]);
        assert!(error.starts_with(wanted) && error.len() > wanted.len(), "{template}: {error}");
    }
}

#[test]
fn bombs_end_as_errors() {
    let nested = |turns: usize, inner: &str| {
        let open: String = (0..turns).map(|n| format!("{{% for x{n} in '{}' | list %}}", "y".repeat(50))).collect();
        format!("{open}{inner}{}", "{% endfor %}".repeat(turns))
    };
    for template in [
        nested(8, ""),
        nested(8, "z"),
        nested(4, "{{ a }}"),
        "{{ 'x' * 100000000000 }}".to_owned(),
        "{{ a * 2000 }}".to_owned(),
        "{% set b = a * 1000 %}{{ b ~ b ~ b ~ b }}".to_owned(),
        "{{ '%1000000000s' | format(a) }}".to_owned(),
        "{{ a | indent(1000000000) }}".to_owned(),
        "{{ 2 ** 100000 }}".to_owned(),
        "{{ [a] * 100000 }}".to_owned(),
        "{{ a | batch(1000000000, 'x') }}".to_owned(),
        "{{ a | slice(1000000000) }}".to_owned(),
        "{{ 1.5 | round(1000000) }}{{ a * 2000 }}".to_owned(),
        "{% for x in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}".to_owned(),
    ] {
        let error = text(&template, &[("a", &"1234567890".repeat(100))]);
        assert!(error.len() < 400, "{template:.100}: {} bytes", error.len());
        let known = ["it takes too long", "is longer than 1048576 bytes", "of the template: "];
        assert!(known.iter().any(|known| error.contains(known)), "{template:.100}: {error}");
    }
}

#[test]
fn a_text_of_the_greatest_length_is_made_and_one_longer_is_not() {
    let cell = "x".repeat(Renderer::MOST_BYTES);
    assert_eq!(text("{{ a }}", &[("a", &cell)]).len(), Renderer::MOST_BYTES);
    assert_eq!(text("{{ a | trim | upper | lower | html_to_text }}", &[("a", &cell)]).len(), Renderer::MOST_BYTES);
    let wanted = "the text from the template is longer than 1048576 bytes";
    assert_eq!(text("{{ a }}.", &[("a", &cell)]), wanted);
}

#[test]
fn a_row_leaves_nothing_for_the_next() {
    let mut renderer = renderer("{% if a %}{% set b = a %}{{ b }}{% endif %}{{ c | date }}", &["a", "c"]).unwrap();
    assert!(renderer.render_cells(&["1", "bad"]).is_err());
    assert_eq!(renderer.render_cells(&["", "2025-12-01"]).unwrap(), "2025-12-01");
    assert_eq!(renderer.render_cells(&["2", "2025-12-02"]).unwrap(), "22025-12-02");
}

#[test]
fn every_filter_and_test_that_is_allowed_exists_and_no_other() {
    for name in known::FILTERS {
        assert_eq!(text(&format!("{{{{ '{name}' is filter }}}}"), &[]), "True", "{name}");
    }
    for name in known::FILTERS_OFF {
        assert_eq!(text(&format!("{{{{ '{name}' is filter }}}}"), &[]), "False", "{name}");
    }
    for name in known::TESTS {
        assert_eq!(text(&format!("{{{{ '{name}' is test }}}}"), &[]), "True", "{name}");
    }
}

/// Templates from pieces that read, set and hide names.
fn templates() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(
        &[
            "{{ a }}",
            "{{ row['b'] }}",
            "{{ row.c | default('-') }}",
            "{% set a = b | default('-') %}",
            "{% set b %}{{ c }}{% endset %}",
            "{% with c = a | default('-') %}{{ c }}{% endwith %}",
            "{% for a in [b, c] %}{{ a }}{% endfor %}",
            "{% if a == b %}{{ c | default('-') }}{% endif %}",
            "{{ a if c is eq b else b | upper }}",
            "{% filter upper %}{{ c }}{% endfilter %}",
            "{# {{ b }} #}{% raw %}{{ a }}{% endraw %}",
            "{{ [a, b] | join(c) | replace(a, b) }}",
        ][..],
    );
    prop::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_columns_that_are_not_used_make_no_difference(
        template in templates(),
        cells in prop::array::uniform3("[xyz]{0,2}"),
    ) {
        let mut few = renderer(&template, &["a", "b", "c"]).unwrap();
        let found = few.render_cells(&cells);
        few.uses = [0, 1, 2].into();
        prop_assert_eq!(&found, &few.render_cells(&cells));
        prop_assert!(found.is_ok(), "{:?}", found);
        let object = json!({ "a": cells[0], "b": cells[1], "c": cells[2] });
        prop_assert_eq!(of_object(&template, &object), found.unwrap());
    }
}
