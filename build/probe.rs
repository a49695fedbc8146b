//! Asks the C compiler about each row of the table, and writes what it says as assertions about the
//! bindings, which src/ngx/layout.rs includes: so the very bindings that the module is compiled with
//! are judged.
//!
//! The compiler evaluates, nothing is run: the answers are read from the assembly code, as the Linux
//! kernel does it (Kbuild, asm-offsets).

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::compiler::header_directories;
use crate::layout::{
    CONSTANTS, PHASES, STRUCTURES, Structure, VARIABLES, WITH_HEADER_ARRAYS, WITH_LINKED_HEADERS,
};

/// What is asked: an invocation of a macro in src/ngx/layout.rs that lacks the compiler's numbers, and
/// the expressions for these.
struct Question {
    assertion: String,
    expressions: Vec<String>,
}

/// Writes `layout.rs` into `OUT_DIR`.
pub(crate) fn run(compiler: &cc::Build, linked_headers: bool) -> Result<(), Box<dyn Error>> {
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);
    let questions = questions(linked_headers);
    let source = out.join("probe.c");
    fs::write(&source, program(&questions))?;

    let mut command = compiler.get_compiler().to_command();
    if env::var_os("CARGO_FEATURE_DOCTORED_HEADER").is_some() {
        command = doctored(command, out)?;
    }
    let assembly = out.join("probe.s");
    let ran = command.arg("-S").arg(&source).arg("-o").arg(&assembly).output()?;
    if !ran.status.success() {
        let said = String::from_utf8_lossy(&ran.stderr);
        return Err(format!(
            "the C compiler does not find in {} what src/ngx uses of it (build/layout.rs):\n{said}",
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

/// A structure of the system has no type name of its own.
fn in_c(structure: &str) -> String {
    if structure.starts_with("ngx_") { structure.to_owned() } else { format!("struct {structure}") }
}

/// Offset of the field that src/ngx/rewrite.rs reads first in the rewrite module's configuration. The
/// structure stands in no header, so it can be asked for only where all of nginx's sources are.
const REWRITE: &str = "\
#if __has_include(<ngx_http_rewrite_module.c>)
#include <ngx_http_rewrite_module.c>
void probe_rewrite(void)
{
    __asm__ volatile (\"\\n.ascii \\\"->rewrite %c0\\\"\\n\"
                      : : \"i\" (offsetof(ngx_http_rewrite_loc_conf_t, codes)));
}
#endif
";

fn program(questions: &[Question]) -> String {
    let mut program = String::from(
        "#include <ngx_config.h>\n#include <ngx_core.h>\n#include <ngx_event.h>\n\
         #include <ngx_http.h>\n#include <nginx.h>\n\nvoid probe(void)\n{\n",
    );
    for (number, question) in questions.iter().enumerate() {
        for expression in &question.expressions {
            // Writing to a string does not fail.
            let _ = writeln!(
                program,
                "    __asm__ volatile (\"\\n.ascii \\\"->{number} %c0\\\"\\n\" : : \"i\" ({expression}));"
            );
        }
    }
    program + "}\n\n" + REWRITE
}

/// The questions with their answers: lines of Rust.
fn answers(assembly: &str, questions: &[Question]) -> Result<String, Box<dyn Error>> {
    let mut numbers = vec![Vec::new(); questions.len()];
    for line in assembly.lines() {
        let Some((_, answer)) = line.split_once("\"->") else { continue };
        let (name, number) = answer.trim_end_matches('"').split_once(' ').ok_or("no number")?;
        if name == "rewrite" {
            if number != "0" {
                return Err("`codes` is not the first field of ngx_http_rewrite_loc_conf_t: \
                            src/ngx/rewrite.rs must follow"
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

/// For a test of the probe: with a header in front of which `ngx_http_request_t` has a field more than
/// in the one that the bindings were made of.
fn doctored(compiler: Command, out: &Path) -> Result<Command, Box<dyn Error>> {
    const NAME: &str = "ngx_http_request.h";
    const START: &str = "struct ngx_http_request_s {";
    let found = header_directories()?.into_iter().map(|directory| directory.join(NAME));
    let header = found.into_iter().find(|path| path.exists()).ok_or("no ngx_http_request.h")?;
    let header = fs::read_to_string(header)?;
    if !header.contains(START) {
        return Err("ngx_http_request.h has another form".into());
    }
    let directory = out.join("doctored");
    fs::create_dir_all(&directory)?;
    let text = header.replace(START, &format!("{START} void *doctored;"));
    fs::write(directory.join(NAME), text)?;

    let mut command = Command::new(compiler.get_program());
    command.arg("-I").arg(directory).args(compiler.get_args());
    Ok(command)
}
