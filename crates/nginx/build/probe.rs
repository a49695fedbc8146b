//! Asks the C compiler about each row of the table, and writes its answers as assertions about the
//! bindings. src/layout.rs includes them, so they check the very bindings that the module is
//! compiled with.
//!
//! The compiler evaluates and nothing is run: the answers are read from the assembly code, as in
//! the Linux kernel (Kbuild, asm-offsets).

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::layout::{
    CONSTANTS, PHASES, STRUCTURES, Structure, VARIABLES, WITH_HEADER_ARRAYS, WITH_LINKED_HEADERS,
};

/// A question: a macro invocation for src/layout.rs that lacks the compiler's numbers, and the
/// expressions that yield them.
struct Question {
    assertion: String,
    expressions: Vec<String>,
}

/// Writes `layout.rs` to `OUT_DIR`.
pub(crate) fn run(compiler: &cc::Build, linked_headers: bool) -> Result<(), Box<dyn Error>> {
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);
    let questions = questions(linked_headers);
    let source = out.join("probe.c");
    fs::write(&source, program(&questions))?;

    let mut command = compiler.get_compiler().to_command();
    let assembly = out.join("probe.s");
    let ran = command.arg("-S").arg(&source).arg("-o").arg(&assembly).output()?;
    if !ran.status.success() {
        let said = String::from_utf8_lossy(&ran.stderr);
        return Err(format!(
            "the C compiler does not find in {} what crates/nginx uses of it (build/layout.rs):\n{said}",
            env::var("DEP_NGINX_VERSION")?
        )
        .into());
    }
    let answers = answers(&fs::read_to_string(assembly)?, &questions)?;
    Ok(fs::write(out.join("layout.rs"), answers)?)
}

fn questions(linked_headers: bool) -> Vec<Question> {
    let further = if linked_headers { WITH_LINKED_HEADERS } else { WITH_HEADER_ARRAYS };
    let sizes = STRUCTURES.iter().map(|(structure, _)| Question {
        assertion: format!("structure!({structure}"),
        expressions: vec![format!("sizeof({})", in_c(structure))],
    });
    let fields = STRUCTURES.iter().chain(further).flat_map(fields);
    let constants = CONSTANTS.iter().map(|name| Question {
        assertion: format!("constant!({name}"),
        expressions: vec![(*name).to_owned()],
    });
    let phases = PHASES.iter().map(|name| Question {
        assertion: format!("constant!(ngx_http_phases_{name}"),
        expressions: vec![(*name).to_owned()],
    });
    let variables = VARIABLES.iter().map(|name| Question {
        assertion: format!("variable!({name}"),
        expressions: vec![format!("sizeof({name})")],
    });
    sizes.chain(fields).chain(constants).chain(phases).chain(variables).collect()
}

fn fields((structure, fields): &Structure) -> impl Iterator<Item = Question> {
    fields.iter().map(move |field| {
        let parts: Vec<_> = field.split('.').map(|part| part.trim_end_matches('_')).collect();
        let (c_structure, c_field) = (in_c(structure), parts.join("."));
        Question {
            assertion: format!("field!({structure}, {field}"),
            expressions: vec![
                format!("offsetof({c_structure}, {c_field})"),
                format!("sizeof((({c_structure} *) 0)->{c_field})"),
            ],
        }
    })
}

/// System structures have no typedef.
fn in_c(structure: &str) -> String {
    if structure.starts_with("ngx_") { structure.to_owned() } else { format!("struct {structure}") }
}

/// Structures that are in no header, and the first field that the fence reads: source file,
/// structure, field. They can be checked only with all of nginx's sources at hand; otherwise the
/// integration tests of that nginx must suffice (`nginx -t` warns about `return` and
/// `auth_request`).
const PRIVATE: &[(&str, &str, &str)] = &[
    ("ngx_http_rewrite_module.c", "ngx_http_rewrite_loc_conf_t", "codes"),
    ("ngx_http_auth_request_module.c", "ngx_http_auth_request_conf_t", "uri"),
];

/// Questions about [`PRIVATE`] structures; the answer must be 0.
fn private(program: &mut String) {
    for (number, (file, structure, field)) in PRIVATE.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(
            program,
            "#if __has_include(<{file}>)\n#include <{file}>\nvoid probe_{number}(void)\n{{\n    \
             __asm__ volatile (\"\\n.ascii \\\"->first:{field} %c0\\\"\\n\" : : \"i\" \
             (offsetof({structure}, {field})));\n}}\n#endif\n"
        );
    }
}

fn program(questions: &[Question]) -> String {
    let mut program = String::from(
        "#include <ngx_config.h>\n#include <ngx_core.h>\n#include <ngx_event.h>\n\
         #include <ngx_http.h>\n#include <nginx.h>\n\nvoid probe(void)\n{\n",
    );
    for (number, question) in questions.iter().enumerate() {
        for expression in &question.expressions {
            // Writing to a string cannot fail.
            let _ = writeln!(
                program,
                "    __asm__ volatile (\"\\n.ascii \\\"->{number} %c0\\\"\\n\" : : \"i\" ({expression}));"
            );
        }
    }
    program.push_str("}\n\n");
    private(&mut program);
    program
}

/// The questions with their answers, as lines of Rust.
fn answers(assembly: &str, questions: &[Question]) -> Result<String, Box<dyn Error>> {
    let mut numbers = vec![Vec::new(); questions.len()];
    for line in assembly.lines() {
        let Some((_, answer)) = line.split_once("\"->") else { continue };
        let (name, number) = answer.trim_end_matches('"').split_once(' ').ok_or("no number")?;
        if let Some(field) = name.strip_prefix("first:") {
            if number != "0" {
                return Err(format!(
                    "\"{field}\" is not the first field of its structure (build/probe.rs, PRIVATE): \
                     crates/nginx must follow"
                )
                .into());
            }
        } else {
            numbers.get_mut(name.parse::<usize>()?).ok_or("no question")?.push(number);
        }
    }
    let mut lines = String::new();
    for (question, numbers) in questions.iter().zip(numbers) {
        if numbers.len() != question.expressions.len() {
            return Err(format!("the C compiler does not answer: {}", question.assertion).into());
        }
        writeln!(lines, "{}, {});", question.assertion, numbers.join(", "))?;
    }
    Ok(lines)
}
