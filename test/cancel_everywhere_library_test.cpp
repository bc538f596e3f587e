// SPDX-License-Identifier: MIT

// The library's own composites, stopped at each of their points: as a whole, and each of
// their fibers alone. Nothing may leak, hang, or end in an error of its own.

#include "test/support/everywhere.hpp"
#include "test/support/network.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace motet {
namespace {

using test::held_things;
using test::survives_everywhere;
using test::trouble;

/// A body that has something in hand while it works, and takes its time to give it back.
auto holds_for(held_things& things, duration span) {
  return [&things, span] {
    ++things.taken;
    const finally back([&] {
      sleep(2ms);
      ++things.given_back;
    });
    sleep(span);
    checkpoint();
    return span;
  };
}

/// As above, and then fails.
auto fails_holding(held_things& things, duration span) {
  return [work = holds_for(things, span)]() -> duration {
    work();
    throw trouble("as always");
  };
}

/// Calls `f` each time with things to hold, and wants all of them back.
template <class F>
void gives_all_back(std::size_t least, F f,
                    std::function<bool(const std::exception_ptr&)> expected = {}) {
  held_things things;
  survives_everywhere(
      least,
      [&] {
        things = {};
        f(things);
      },
      {.expected = std::move(expected), .afterwards = [&] { things.check(); }});
}

/// What fails as it does otherwise, yet when it was asked to stop, is heard: nobody
/// passes over it or runs it again then.
bool is_trouble(const std::exception_ptr& error) {
  const std::string text = describe(error);
  return text == "as always" || text == "crashed";
}

TEST_SUITE("cancelled everywhere: combinators") {
  TEST_CASE("race") {
    const auto races = [](held_things& h) {
      race(holds_for(h, 10ms), holds_for(h, 5ms), fails_holding(h, 1ms));
      race(holds_for(h, 1ms), [&] { return shield(holds_for(h, 5ms)); });
    };
    gives_all_back(25, races, &is_trouble);
  }

  TEST_CASE("a race whose results are merged or given up") {
    gives_all_back(8, [](held_things& h) {
      const auto makes = [&h] {
        return shield([&h] {
          sleep(1ms);
          ++h.taken;
          return std::make_shared<held_things*>(&h);
        });
      };
      const auto give_back = [&h](const std::shared_ptr<held_things*>&) {
        shield([&] { sleep(1ms); });
        ++h.given_back;
      };
      give_back(race({.on_discard = give_back}, makes, makes));
    });
  }

  TEST_CASE("race_first") {
    gives_all_back(18, [](held_things& h) {
      race_first(holds_for(h, 10ms), holds_for(h, 5ms));
      race_first(holds_for(h, 10ms), fails_holding(h, 5ms));
    });
  }

  TEST_CASE("when_all") {
    gives_all_back(30, [](held_things& h) {
      when_all(holds_for(h, 5ms), [&] { holds_for(h, 3ms)(); });
      when_all(std::vector{holds_for(h, 1ms), holds_for(h, 5ms)});
      when_all(holds_for(h, 10ms), fails_holding(h, 5ms));
    });
  }

  TEST_CASE("for_each_parallel") {
    gives_all_back(75, [](held_things& h) {
      const std::vector<int> spans{3, 1, 2, 4};
      const auto work = [&](int ms) { return holds_for(h, ms * 1ms)(); };
      for_each_parallel(spans, work);
      for_each_parallel(spans, {.limit = 2}, work);
      for_each_parallel(spans, {.limit = 2}, [&](int ms) {
        if (ms == 2) fails_holding(h, 1ms)();
        return work(ms);
      });
    });
  }

  TEST_CASE("disconnect, in a race and in a timeout") {
    const auto h = std::make_shared<held_things>();
    survives_everywhere(18,
                        [h] {
                          *h = {};
                          const auto slow = [h] { return holds_for(*h, 5ms)(); };
                          disconnect(slow);
                          race([] { sleep(2ms); }, [&] { disconnect(slow); });
                          move_on_after(1ms, [&] { return disconnect(slow); });
                          sleep(10ms);
                        },
                        {.afterwards = [&] { h->check(); }});
  }

  TEST_CASE("await_all, first_of and interrupt_all") {
    gives_all_back(20, [](held_things& h) {
      const std::vector fibers{spin(holds_for(h, 1ms)), spin(holds_for(h, 2ms)),
                               spin(holds_for(h, 9ms)), spin(holds_for(h, 9ms))};
      static_cast<void>(first_of(fibers));
      await_all(fibers[0], fibers[1]);
      interrupt_all(fibers);
    });
  }

  TEST_CASE("throttle") {
    gives_all_back(18, [](held_things& h) {
      throttle limit{1000};
      with_scope([&](scope& s) {
        for (int i = 0; i < 3; ++i)
          s.spin([&] { limit(holds_for(h, 1ms)); });
      });
    });
  }
}

TEST_SUITE("cancelled everywhere: scopes") {
  TEST_CASE("with_scope, its daemons and finalizers") {
    gives_all_back(30, [](held_things& h) {
      with_scope([&](scope& s) {
        s.on_exit([&] { holds_for(h, 1ms)(); });
        s.spin_daemon([&] { every(1ms, holds_for(h, 1ms)); });
        s.spin_daemon([&] { holds_for(h, 1h)(); });
        s.spin(holds_for(h, 5ms));
        s.spin(holds_for(h, 3ms)).await();
        s.on_exit([&] { ++h.taken; });
        s.on_exit([&] { ++h.given_back; });
      });
    });
  }

  TEST_CASE("spin_ready") {
    gives_all_back(12, [](held_things& h) {
      with_scope([&](scope& s) {
        const int port = s.spin_ready([&](ready_signal<int>& ready) {
          holds_for(h, 2ms)();
          ready(7);
          holds_for(h, 2ms)();
        });
        s.spin_ready([&](ready_signal<>& ready) {
          sleep(port * 1ms);
          ready();
        });
      });
    });
  }

  TEST_CASE("a scope that fails, one that is cancelled, one around both") {
    gives_all_back(15, [](held_things& h) {
      with_scope([&](scope& outer) {
        outer.spin(holds_for(h, 20ms));
        with_scope([&](scope& inner) {
          inner.spin(holds_for(h, 1h));
          sleep(2ms);
          inner.cancel("enough");
        });
        with_scope([&](scope& inner) {
          inner.spin(holds_for(h, 1h));
          inner.spin(fails_holding(h, 1ms));
        });
      });
    });
  }

  TEST_CASE("acquire_use_release and on_cancel") {
    gives_all_back(15, [](held_things& h) {
      const auto acquire = [&] {
        sleep(1ms);
        return ++h.taken;
      };
      const auto release = [&](int) {
        sleep(1ms);
        ++h.given_back;
      };
      acquire_use_release(
          acquire,
          [&](int) {
            acquire_use_release(
                acquire, [](int) { sleep(2ms); }, release);
            return 7;
          },
          release);
      on_cancel([&] { holds_for(h, 1ms)(); }, holds_for(h, 2ms));
    });
  }

  TEST_CASE("shields, masks and timeouts in each other") {
    gives_all_back(12, [](held_things& h) {
      cancel_after(1h, [&](timeout& idle) {
        shield([&](const restore& open) {
          move_on_after(3ms, holds_for(h, 10ms));
          open(holds_for(h, 2ms));
        });
        idle.reset();
        mask(holds_for(h, 2ms));
        shield(3ms, holds_for(h, 10ms));
      });
    });
  }
}

TEST_SUITE("cancelled everywhere: supervision") {
  /// Crashes until its third run.
  auto heals(held_things & h) {
    return [&h, runs = 0]() mutable {
      holds_for(h, 2ms)();
      if (++runs < 3) throw trouble("crashed");
    };
  }

  TEST_CASE("supervise, with a worker that crashes") {
    for (const restart_strategy strategy :
         {restart_strategy::one_for_one, restart_strategy::one_for_all,
          restart_strategy::rest_for_one}) {
      const auto watch = [strategy](held_things& h) {
        spin(holds_for(h, 5ms));
        spin(heals(h));
        spin(holds_for(h, 3ms));
        supervise({.restart = restart_policy::on_error,
                   .backoff = 1ms,
                   .strategy = strategy,
                   .shutdown = 1ms});
      };
      gives_all_back(40, watch, &is_trouble);
    }
  }

  TEST_CASE("supervise that gives up, under another that does not") {
    gives_all_back(40, [](held_things& h) {
      spin([&h, runs = 0]() mutable {
        const bool bad = ++runs == 1;
        spin([&h, bad] {
          holds_for(h, 1ms)();
          if (bad) throw trouble("crashed");
        });
        supervise({.restart = restart_policy::on_error, .intensity = 1});
      });
      spin(holds_for(h, 4ms));
      supervise({.restart = restart_policy::on_error, .on_error = [](auto&&...) {}});
    });
  }

  TEST_CASE("restart, of fibers in all states") {
    gives_all_back(20, [](held_things& h) {
      const auto searcher = spin({.restartable = true}, [&h] {
        const auto from = receive<fiber_ref>();
        holds_for(h, 3ms)();
        from << 42;
      });
      for (int keys = 0; keys < 3; ++keys) {
        searcher.restart();
        searcher << this_fiber::self();
        sleep(1ms);
      }
      move_on_after(20ms, [] { static_cast<void>(receive<int>()); });
      searcher.restart();
      searcher << this_fiber::self();
      move_on_after(20ms, [] { static_cast<void>(receive<int>()); });
    });
  }

  TEST_CASE("terminate with a grace, links and monitors") {
    gives_all_back(10, [](held_things& h) {
      const auto worker = spin(holds_for(h, 1h));
      const auto linked = spin([&] {
        link(worker);
        holds_for(h, 1h)();
      });
      worker.monitor();
      sleep(1ms);
      worker.terminate(5ms);
      move_on_after(20ms, [] { static_cast<void>(receive<ended>()); });
      linked.interrupt();
    });
  }
}

/// A server or a client that is stopped alone breaks the other's connections.
bool is_broken_connection(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const exception_group& group) {
    return std::all_of(group.errors().begin(), group.errors().end(),
                       &is_broken_connection);
  } catch (const std::system_error& e) {
    return e.code() == std::errc::connection_reset ||
           e.code() == std::errc::connection_refused ||
           e.code() == std::errc::broken_pipe;
  } catch (...) {
    return false;
  }
}

/// Three clients of a server that owns its listener.
void serve_three(held_things& h, const tcp::accept_options& options) {
  tcp::listener door = test::listen_here();
  const std::uint16_t port = door.local().port();
  const auto server =
      spin({.name = "server"}, [&h, options, mine = std::move(door)]() mutable {
        mine.accept_loop(options, [&h](tcp::stream& peer) {
          ++h.taken;
          const finally back([&] {
            sleep(1ms);
            ++h.given_back;
          });
          peer.recv_loop([&](std::span<const std::byte> data) { peer.write(data); });
        });
      });
  const auto talk = [port](duration pause) {
    tcp::stream near = tcp::connect("127.0.0.1", port);
    near.write("hello");
    static_cast<void>(test::read_text(near, 5));
    sleep(pause);
    near.write("bye");
    near.shutdown_send();
    static_cast<void>(test::read_to_end(near));
  };
  when_all([&] { talk(1ms); }, [&] { talk(2ms); });
  tcp::stream last = tcp::connect("127.0.0.1", port);
  last.write("hello");
  static_cast<void>(test::read_text(last, 5));
  server.interrupt();
}

TEST_SUITE("cancelled everywhere: servers") {
  TEST_CASE("accept_loop") {
    gives_all_back(
        40, [](held_things& h) { serve_three(h, {}); }, &is_broken_connection);
  }

  TEST_CASE("accept_loop with a limit, and a grace at its end") {
    gives_all_back(
        40, [](held_things& h) { serve_three(h, {.max_connections = 1, .grace = 5ms}); },
        &is_broken_connection);
  }
}

}  // namespace
}  // namespace motet
