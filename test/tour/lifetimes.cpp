// SPDX-License-Identifier: MIT
// Who lives how long, who watches whom, and what several do together.
#include <motet/motet.hpp>

#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <signal.h>
#include <unistd.h>

using namespace motet;
using namespace std::literals;

namespace tour {

struct page {
  std::string text;
};
page ask(const std::string& mirror);
int load(int key);
struct sensor {
  double read();
  void probe(int times) noexcept;
};

void watching(fiber<> feed, fiber<int> api, std::vector<fiber<>> many, fiber_ref any) {
  supervise({feed, api});
  supervise({feed, api}, {.restart = restart_policy::on_error,
                          .intensity = 5,
                          .within = 1min,
                          .backoff = 100ms});
  supervise({.restart = restart_policy::always});
  supervise();
  supervise(many, {.restart = restart_policy::never,
                   .strategy = restart_strategy::rest_for_one,
                   .shutdown = 5s,
                   .on_done = [](const fiber_ref& who, const ending&) { (void)who.id(); },
                   .on_error =
                       [](fiber_ref who, ending how) {
                         std::cerr << who.name() << (how.failed() ? " failed\n" : "\n");
                       }});
  link(feed);
  any.attach_to(this_fiber::self());
  any.monitor();
  const auto [who, how] = receive<ended>();
  any.unmonitor({.flush = true});
  (void)(who == any && how.failed() && how.error() != nullptr);
  (void)(how.stopped() && how.reason().kind == cancel_kind::stop);
  (void)(how.cause().contains<std::runtime_error>() && how.cancel_requested());
}

void together(int x, int y, std::vector<std::function<page()>> sources,
              std::vector<std::function<void()>> jobs) {
  auto [a, b] = when_all([&] { return load(x); }, [&] { return load(y); });
  static_assert(std::is_same_v<decltype(a), int> && std::is_same_v<decltype(b), int>);
  auto [nothing, c] = when_all([] { yield(); }, [&] { return load(x); });
  static_assert(std::is_same_v<decltype(nothing), std::monostate>);
  static_assert(std::is_void_v<decltype(when_all([] {}, [] {}))>);
  std::vector<page> all = when_all(sources);
  when_all(jobs);

  page quickest = race([] { return ask("here"); }, [] { return ask("there"); });
  double common = race([] { return 1; }, [] { return 2.5; });
  race([] { sleep(1s); }, [] { suspend(); });
  quickest = race(sources);
  race(jobs);
  quickest = race_first([] { return ask("here"); }, [] { return ask("there"); });
  const int merged = race(
      {.combine = [](int l, int r) { return l + r; },
       .on_discard = [](int lost) { std::printf("%d\n", lost); }},
      [&] { return load(x); }, [&] { return load(y); });
  auto own = std::make_unique<int>(1);
  std::unique_ptr<int> moved =
      race([own = std::move(own)]() mutable { return std::move(own); });
  (void)a, (void)b, (void)nothing, (void)c, (void)all, (void)common, (void)merged;
}

void several(fiber<> f, fiber<int> g, std::vector<fiber<int>> many) {
  const std::size_t which = first_of(f, g);
  const std::size_t one_of = first_of(many);
  const std::vector<outcome<int>> ends = interrupt_all(many, "closing");
  const std::vector<ending> mixed = interrupt_all({f, g}, "closing");
  interrupt_all(f, g);
  (void)which, (void)one_of, (void)ends, (void)mixed;
}

void lives() {
  sensor heat;
  const fiber<> beat = spin_daemon([] { every(1s, [] { checkpoint(); }); });
  spin_daemon([](int& n) { ++n; }, 1);
  spin_daemon(
      {.name = "log"}, [](const std::string&) {}, "text"s);
  const fiber<> polls = spin_loop({.every = 10ms}, [&] { heat.read(); });
  spin_loop({.rate = 100}, [&] { heat.read(); });
  spin_loop([] { yield(); });
  fiber<double> later = spin_after(1s, [&] { return heat.read(); });
  spin_after(1s, &sensor::probe, std::ref(heat), 3);
  const double value =
      with_scope([&](scope& s) { return s.spin(&sensor::read, &heat).await(); });
  with_scope([&](scope& s) {
    s.spin_daemon([] { suspend(); });
    const int port = s.spin_ready<int>([](auto ready) {
      ready(7000);
      suspend();
    });
    s.spin_ready([](ready_signal<> ready, int) { ready(); }, 1);
    s.on_exit([] { std::cout << "closed\n"; });
    if (port == 0) s.fail(std::runtime_error("no port"));
    if (s.size() == 0) s.cancel("nothing to do");
    const scope_ref there = s.ref();
    spin([there] { there.cancel("from elsewhere"); });
  });
  (void)beat, (void)polls, (void)later, (void)value;
}

struct handle {
  int fd;
};
handle open_it();
int use_it(handle& what);
void close_it(handle& what);

void regions() {
  const int used = acquire_use_release(open_it, use_it, close_it);
  acquire_use_release([] { return handle{1}; }, [](handle& h) { use_it(h); },
                      [](handle& h) { close_it(h); });
  const finally bye([] { std::cout << "bye\n"; });
  const finally again(std::function<void()>([] {}));
  const int n = on_cancel([] { std::cout << "stopped\n"; }, [] { return load(1); });
  on_cancel([](const cancel_reason& why) { std::cout << to_string(why); },
            [] { suspend(); });
  std::optional<int> in_time = shield(500ms, [] { return load(1); });
  bool finished = shield(500ms, [] { sleep(1s); });
  in_time = shield(1s, [](auto restore) { return restore([] { return load(2); }); });
  const int masked = mask([] { return load(1); });
  mask([](auto restore) { restore([] { checkpoint(); }); });
  shield([] { allow_cancel(); });
  no_suspend([] { std::fflush(stdout); });
  switch (this_fiber::masking()) {
    case masking_state::open:
    case masking_state::masked:
    case masking_state::shielded:
      break;
  }
  const std::stop_token token = this_fiber::stop_token();
  if (token.stop_requested()) this_fiber::exit_now("asked to");
  promise<int> answer;
  spin([answer] { answer.set(42); });
  promise<> done;
  done.set_exception(std::runtime_error("never done"));
  (void)used, (void)n, (void)finished, (void)masked, (void)answer.get();
}

}  // namespace tour
