// SPDX-License-Identifier: MIT
// `using namespace motet` beside system headers that have names like ours.
#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <array>
#include <concepts>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <variant>
#include <vector>

#include <signal.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

using namespace motet;

namespace tour {

// A bare number of seconds is POSIX's, and stops the thread: it does not compile.
template <class T>
concept can_sleep = requires(T span) {
  sleep(span);
};
static_assert(can_sleep<std::chrono::seconds>);
static_assert(can_sleep<duration>);
static_assert(can_sleep<std::chrono::duration<double>>);
static_assert(!can_sleep<int>);
static_assert(!can_sleep<long>);
template <class T>
concept motet_can_sleep = requires(T span) {
  motet::sleep(span);
};
static_assert(motet_can_sleep<std::chrono::seconds>);
static_assert(!motet_can_sleep<int> && !motet_can_sleep<unsigned>);

static_assert(std::copyable<fiber<int>>);
static_assert(std::copyable<fiber_ref>);
static_assert(std::equality_comparable<fiber<>>);
static_assert(std::movable<tcp::stream> && !std::copyable<tcp::stream>);
static_assert(std::movable<tcp::listener> && !std::copyable<tcp::listener>);
static_assert(std::regular<endpoint>);
static_assert(!std::copyable<scope> && !std::movable<timeout>);
// Views only from what lives on.
template <class Stream>
concept gives_lines = requires(Stream&& s) {
  std::forward<Stream>(s).lines();
};
static_assert(gives_lines<tcp::stream&> && !gives_lines<tcp::stream>);
static_assert(noexcept(std::declval<tcp::stream&>().close()));

void times_and_waits() {
  const auto start = clock::now();
  const time_point later = start + 1500ms;
  sleep(1s);
  sleep(2ms + 3us);
  sleep_until(later);
  yield();
  checkpoint();
  if (clock::now() < start) suspend();
  every(1min, [] { yield(); });
}

/// The system's own still mean what they meant.
void the_systems_own() {
  fd_set none;
  FD_ZERO(&none);
  timeval now{0, 0};
  select(1, &none, nullptr, nullptr, &now);
  ::select(1, &none, nullptr, nullptr, &now);
  struct stat about {};
  ::stat("/", &about);
  (void)::time(nullptr);
  kill(getpid(), 0);
  std::mutex one;
  const std::lock_guard<std::mutex> held(one);
  std::promise<int> promised;
  (void)promised;
}

channel<int> numbers{1};
channel<std::string> words{0};

void channels() {
  const std::size_t chosen =
      select(receive_from(numbers, [](int) {}), send_to(words, "a literal"), after(1s));
  select(receive_from(words, [](const std::string&) {}),
         receive_from(words, [](std::string&&) {}),
         receive_from(numbers, [](auto n) { n++; }),
         send_to(numbers, 3.0F > 2 ? 1 : 2, [] {}), after(chosen * 1ms, [] {}));
  for (auto n : numbers)
    numbers.send(n);
  for (std::string& word : words)
    words.send(std::move(word));
  channel<std::unique_ptr<int>> owned(unbounded);
  owned.send(std::make_unique<int>(1));
  select(send_to(owned, std::make_unique<int>(2)),
         receive_from(owned, [](std::unique_ptr<int> own) { *own = 1; }));
  for (auto own : owned)
    *own = 3;
}

struct dog {
  void bark() { ++barks; }
  int wag(int times) const { return barks + times; }
  int barks = 0;
};

int twice(int n) {
  return 2 * n;
}

void ways_to_spin() {
  dog rex;
  spin(&dog::bark, rex);
  spin(&dog::bark, &rex);
  spin(&dog::bark, std::ref(rex));
  fiber<int> wagging = spin(&dog::wag, &rex, 3);
  fiber<int> doubled = spin(twice, 21);
  fiber<int> again = spin(&twice, 21);
  spin(
      [](dog& own, const int& n, std::reference_wrapper<dog> lent) {
        own.bark();
        lent.get().barks += n;
      },
      dog{}, 3, std::ref(rex));
  spin([](std::unique_ptr<int>& own) { *own = 1; }, std::make_unique<int>(0));
  spin([](std::unique_ptr<int> own) { *own = 1; }, std::make_unique<int>(0));
  spin([own = std::make_unique<int>(0)] { *own = 1; });
  spin([n = 0]() mutable { ++n; });
  fiber<std::string> said = spin([](std::string text) { return text; }, "a literal");
  fiber<std::unique_ptr<int>> made = spin([] { return std::make_unique<int>(1); });
  fiber<dog&> lent = spin([&]() -> dog& { return rex; });
  spin_options options{.name = "named"};
  spin(options, [] {});
  spin(
      {.name = "always", .start = start_policy::always}, [](int) {}, 3);
  spin({.stack_size = 64 * 1024, .mailbox = 8, .restartable = true}, [] {});
  const int sum = wagging.await() + doubled.await() + again.await();
  const std::unique_ptr<int> taken = made.await();
  const std::string text = said.await() + std::to_string(sum + *taken);
  lent.await().bark();
  const scoped_fiber guarded(spin([] { suspend(); }));
}

void handles(fiber<> f, fiber<int> g, fiber_ref any) {
  any = f;
  any = g;
  // Handles look: their verbs are const.
  [f, g, any] {
    f.stop();
    f.stop("enough");
    g.move_on(42);
    f.move_on();
    f.cancel("too slow");
    g.cancel(std::runtime_error("too slow"));
    f.raise("text");
    f.raise(std::runtime_error("x"));
    f.raise(std::make_exception_ptr(3));
    g.throw_to(std::logic_error("y"));
    f.terminate();
    any.terminate(10s);
    any.restart();
    any.monitor();
    any.unmonitor();
    f << 1 << "text" << std::string("more");
    g.send(std::vector<int>{1, 2, 3});
    any << f;
    (void)any.interrupt("user pressed stop");
    (void)(any == f);
  }();
  const outcome<int> how = g.outcome();
  const std::optional<outcome<int>> early = g.try_outcome();
  if (how.has_value()) (void)how.value();
  if (how.failed() || how.stopped()) (void)to_string(how.reason());
  (void)g.interrupt().value();
  (void)(any.state() == fiber_phase::parked);
  (void)(any.name() + this_fiber::name());
  (void)(any.parent() == this_fiber::self());
  (void)any.children().size();
  (void)early;
  (void)dump();
}

void awaiting_all(fiber<> f, fiber<int> g, std::vector<fiber<int>> many,
                  std::array<fiber<>, 2> few) {
  auto [nothing, number] = await_all(f, g);
  static_assert(std::same_as<decltype(nothing), std::monostate>);
  static_assert(std::same_as<decltype(number), int>);
  await_all(f, f);
  const std::vector<int> all = await_all(many);
  await_all(few);
  const std::tuple<int> one = await_all(g);
  (void)all, (void)one;
}

void virtual_time() {
  testing::run([] {
    testing::busy(1ms);
    testing::settle();
    (void)(testing::armed_timers() + testing::operations_in_flight());
  });
  (void)testing::run({.seed = 1}, [] { return 1; });
}

}  // namespace tour
