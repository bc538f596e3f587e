// SPDX-License-Identifier: MIT
#include "examples/http/routes.hpp"

#include "examples/http/exchange.hpp"
#include "examples/http/status.hpp"

#include <motet/debug.hpp>
#include <motet/time.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace http {

namespace {

constexpr std::string_view text = "text/plain";

std::uint64_t number(std::string_view digits, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value > most) {
    throw refusal(400, "not a number, or too large");
  }
  return value;
}

std::uint64_t number_parameter(const exchange& x, std::string_view name,
                               std::uint64_t otherwise, std::uint64_t most) {
  const auto given = x.parameter(name);
  return given ? number(*given, most) : otherwise;
}

void hello(exchange& x) {
  x.answer(200, text, "Hello, world!\n");
}

/// The body, as it comes; in chunks if it comes in chunks.
void echo(exchange& x) {
  const auto type = x.field("Content-Type").value_or("application/octet-stream");
  if (x.chunked()) {
    x.begin(200, type);
  } else {
    x.begin(200, type, number(x.field("Content-Length").value_or("0"), UINT64_MAX));
  }
  for (std::string_view piece = x.read_body(); !piece.empty(); piece = x.read_body())
    x.write(piece);
}

/// /slow?ms=200
void slow(exchange& x) {
  const std::chrono::milliseconds pause(number_parameter(x, "ms", 100, 60'000));
  x.flush();  // answers to earlier requests of a pipeline do not wait for this one
  motet::sleep(pause);
  x.answer(200, text, "that took its time\n");
}

/// /stream?lines=10&ms=50
void stream(exchange& x) {
  const std::chrono::milliseconds pause(number_parameter(x, "ms", 50, 60'000));
  const std::uint64_t lines = number_parameter(x, "lines", 10, 1'000'000);
  x.begin(200, text);
  for (std::uint64_t i = 1; i <= lines; ++i) {
    x.write("line " + std::to_string(i) + "\n");
    if (pause == pause.zero()) continue;
    x.flush();
    motet::sleep(pause);
  }
}

void stats(exchange& x) {
  const auto now = motet::stats();
  const std::pair<const char*, std::size_t> figures[] = {
      {"fibers", now.fibers},         {"runnable", now.runnable}, {"parked", now.parked},
      {"operations", now.operations}, {"timers", now.timers},     {"stacks", now.stacks}};
  std::string all;
  for (const auto& [name, value] : figures)
    all.append(name).append(" ").append(std::to_string(value)).append("\n");
  x.answer(200, text, all);
}

/// Who is connected, and what each of them waits for.
void fibers(exchange& x) {
  x.answer(200, text, motet::dump());
}

struct entry {
  std::string_view path;
  std::initializer_list<verb> verbs;
  std::string_view allow;
  void (*serve)(exchange& x);
};

constexpr auto reading = {verb::get, verb::head};
constexpr auto writing = {verb::post, verb::put};

const entry entries[] = {
    {"/", reading, "\r\nAllow: GET, HEAD", &hello},
    {"/echo", writing, "\r\nAllow: POST, PUT", &echo},
    {"/slow", reading, "\r\nAllow: GET, HEAD", &slow},
    {"/stream", reading, "\r\nAllow: GET, HEAD", &stream},
    {"/stats", reading, "\r\nAllow: GET, HEAD", &stats},
    {"/fibers", reading, "\r\nAllow: GET, HEAD", &fibers},
};

}  // namespace

void route(exchange& x) {
  const auto found = std::find_if(std::begin(entries), std::end(entries),
                                  [&](const entry& e) { return e.path == x.path(); });
  if (found == std::end(entries)) return x.answer(404, text, "there is no such thing\n");
  const auto& verbs = found->verbs;
  if (std::find(verbs.begin(), verbs.end(), x.verb()) == verbs.end()) {
    return x.answer(405, text, "that cannot be done with it\n", found->allow);
  }
  found->serve(x);
}

}  // namespace http
