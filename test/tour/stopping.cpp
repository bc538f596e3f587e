// SPDX-License-Identifier: MIT
// Stopping, timeouts, scopes, shields and messages.
#include <motet/motet.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace motet;
using namespace std::literals;

namespace tour {

struct address {};
struct document {
  std::string text;
};
document load(const address& from);
struct unreachable : std::runtime_error {
  explicit unreachable(address which);
  unreachable(address which, int attempts);
};
const document blank{};

void stopping() {
  auto sleeper = spin([] {
    sleep(1s);
    return "foo"s;
  });
  sleep(500ms);
  sleeper.move_on("bar");
  (void)sleeper.await();
  auto how = spin([] { sleep(1h); }).interrupt("no longer needed");
  (void)how.stopped();
  try {
    spin([] { suspend(); }).await();
  } catch (const fiber_stopped& e) {
    (void)e.reason().kind;
  } catch (const cancelled&) {
    shield([] { sleep(1ms); });
    throw;
  }
}

void timeouts(const address& where) {
  std::optional<document> maybe = move_on_after(2s, [&] { return load(where); });
  bool in_time = move_on_after(2s, [] { yield(); });
  document some = move_on_after(2s, blank, [&] { return load(where); });
  document none = move_on_after(2s, {}, [&] { return load(where); });
  document sure = cancel_after(2s, [&] { return load(where); });
  cancel_after(2s, [] { yield(); });
  document a =
      cancel_after(2s, with_exception<unreachable>(where), [&] { return load(where); });
  document b = cancel_after(2s, with_exception<unreachable>(where, 3),
                            [&] { return load(where); });
  document c = cancel_after(2s, with_exception("too slow"), [&] { return load(where); });
  document d = cancel_after(2s, with_exception("too slow"s), [&] { return load(where); });
  cancel_after(2s, with_exception(std::logic_error("x")), [] { yield(); });
  const time_point when = clock::now() + 3s;
  maybe = move_on_at(when, [&] { return load(where); });
  some = move_on_at(when, blank, [&] { return load(where); });
  sure = cancel_at(when, [&] { return load(where); });
  sure = cancel_at(when, with_exception<unreachable>(where), [&] { return load(where); });
  const int n = move_on_after(2s, 0, [](timeout& t) {
    t.reset();
    t.reset(1s);
    t.reset_at(clock::now() + 1min);
    return t.disarm() && !t.fired() && t.remaining() > 1s ? 1 : 2;
  });
  move_on_after(2s, [](auto& t) { t.cancel_now("enough"); });
  (void)in_time, (void)n;
  (void)(this_fiber::deadline() == time_point::max());
  try {
    cancel_after(1s, [] { suspend(); });
  } catch (const timeout_error& e) {
    (void)(e.duration() == 1s && e.code() == std::errc::timed_out);
    (void)cause_of(e).reason();
    (void)source_of(e);
  }
}

/// Search as you type: every key stroke starts the search anew.
struct query {
  fiber_ref from;
  std::string term;
};
struct findings {
  std::vector<std::string> titles;
};
findings search(const std::string& term);
void show(const findings& what);

void search_as_you_type() {
  auto searcher = spin({.name = "search", .restartable = true}, [] {
    auto [from, term] = receive<query>();
    sleep(200ms);
    from << search(term);
  });
  const auto on_key = [&](std::string term) {
    searcher.restart();
    searcher << query{this_fiber::self(), std::move(term)};
  };
  on_key("m");
  on_key("mo");
  on_key("mot");
  show(receive<findings>());
}

struct join {
  fiber_ref who;
};
struct say {
  std::string text;
};
struct parcel {
  std::unique_ptr<int> content;
};

void messages() {
  receive([](const join& j) { (void)j; }, [](const say& s) { (void)s; },
          [](motet::ended e) { (void)e.how.failed(); });
  receive([](parcel&& p) { (void)p; }, [](say s) { (void)s; });
  const int n = receive([](int) { return 1; }, [](const std::string&) { return 2; });
  const double common = receive([](int) { return 1; }, [](char) { return 0.5; });
  std::variant<int, std::string> either = receive<int, std::string>();
  parcel got = receive<parcel>();
  any_message any = receive_any();
  if (const say* s = any.get<say>()) (void)s->text;
  if (std::optional<int> ready = try_receive<int>()) (void)*ready;
  for (const say& s : receive_all_pending<say>())
    (void)s.text;
  (void)n, (void)common, (void)either, (void)got;
  receive_loop([](const join&) {}, [](const say&) {});
}

struct host {
  std::string name;
};
void probe(host& which);

void scopes(std::vector<host> hosts) {
  with_scope([&](scope& s) {
    for (host& each : hosts)
      s.spin(probe, std::ref(each));
    s.spin({.name = "named"}, [] {});
    s.spin([] { suspend(); });
    (void)s.size();
    s.cancel("seen enough");
  });
  const int result =
      with_scope([](scope& s) { return s.spin([] { return 1; }).await(); });
  with_scope({.errors = error_policy::isolate}, [](scope& s) {
    s.spin([] { throw std::runtime_error("its own"); });
    const scope_ref by_name = s.ref();
    by_name.cancel();
  });
  std::stop_source source;
  const bool ended = cancel_on(source.get_token(), [] { suspend(); });
  const std::optional<int> value = cancel_on(source.get_token(), [] { return 1; });
  (void)result, (void)ended, (void)value;
}

int acquire();
void use(int held);
void release(int held);

void shields() {
  shield([](auto restore) {
    const int held = acquire();
    restore([&] { use(held); });
    release(held);
  });
  shield([](restore open) { open([] { suspend(); }); });
  const int plain = shield([] { return acquire(); });
  const int inner =
      shield([](auto restore) { return restore([] { return acquire(); }); });
  (void)(plain + inner);
  (void)this_fiber::cancel_pending();
}

}  // namespace tour
