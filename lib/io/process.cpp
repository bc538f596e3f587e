// SPDX-License-Identifier: MIT
#include "lib/core/scheduler.hpp"
#include "lib/io/child.hpp"

#include <motet/error.hpp>
#include <motet/process.hpp>
#include <motet/scope.hpp>

#include <array>
#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

namespace motet {

namespace {

stream take_pipe(detail::descriptor& end) noexcept {
  return stream(end.release(), stream_kind::other);
}

/// Not wanting to read all is the program's own business.
void feed(stream& to, std::string_view input, call_site where) {
  std::error_code failed;
  to.write(std::as_bytes(std::span(input)), failed, where);
  to.close();
  if (failed && failed != std::errc::broken_pipe)
    throw std::system_error(failed, "write to a program");
}

void collect(stream& from, std::string& all, call_site where) {
  std::array<std::byte, std::size_t{16} * 1024> room;
  for (;;) {
    const std::span<std::byte> got = from.read(room, where);
    if (got.empty()) return;
    all.append(reinterpret_cast<const char*>(got.data()), got.size());
  }
}

/// The same with pipes to all that is not said to lead elsewhere.
process_options with_pipes(process_options what, bool has_input) {
  const auto is_usual = [](const redirect& r) { return r.leads_to() == redirect::usual; };
  if (has_input && !is_usual(what.input) && what.input.leads_to() != redirect::piped) {
    throw structure_error("run_process: input for \"" + what.program +
                          "\", which reads something else");
  }
  if (has_input) what.input = redirect::piped;
  if (is_usual(what.output)) what.output = redirect::piped;
  if (is_usual(what.error)) what.error = redirect::piped;
  return what;
}

}  // namespace

process::process(const process_options& what) {
  if (detail::here("process").kernel().simulated()) {
    throw structure_error("process \"" + what.program +
                          "\" in the simulation, which has no programs");
  }
  detail::pipe_ends ours;
  child_ = detail::owner<detail::child>(new detail::child(what, ours));
  input_ = take_pipe(ours[0]);
  output_ = take_pipe(ours[1]);
  error_ = take_pipe(ours[2]);
}

process::process(process&&) noexcept = default;
process& process::operator=(process&& other) noexcept {
  child_ = std::move(other.child_);
  input_ = std::move(other.input_);
  output_ = std::move(other.output_);
  error_ = std::move(other.error_);
  return *this;
}
process::~process() = default;

exit_status process::wait(call_site where) {
  return child_->wait(where);
}

std::optional<exit_status> process::try_wait() noexcept {
  return child_->try_reap();
}

exit_status process::terminate(duration grace, call_site where) {
  return child_->terminate(grace, where);
}

bool process::signal(int number) noexcept {
  return child_->signal(number);
}

int process::pid() const noexcept {
  return child_->pid();
}

process_result run_process(const process_options& what, std::string_view input,
                           call_site where) {
  process program(with_pipes(what, !input.empty()));
  process_result result;
  with_scope([&](scope& all) {
    const auto collect_all = [&](stream& from, std::string& to) {
      if (from) all.spin([&from, &to, where] { collect(from, to, where); });
    };
    collect_all(program.output(), result.output);
    collect_all(program.error(), result.error);
    if (program.input()) feed(program.input(), input, where);
  });
  result.status = program.wait(where);
  return result;
}

}  // namespace motet
