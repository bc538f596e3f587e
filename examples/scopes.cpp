// SPDX-License-Identifier: MIT

/// @file
/// Blocks that do not end before the fibers spun in them.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

namespace {

using namespace motet;

/// Tells how it ends, also if it is cut short.
void rehearse(const std::string& part, duration needed) {
  const auto tell = [&](const cancel_reason& why) {
    std::printf("%s: cut short, %s\n", part.c_str(), to_string(why.kind));
  };
  on_cancel(tell, [&] { sleep(needed); });
  std::printf("%s: through\n", part.c_str());
}

/// Who fails takes the others along, and the block throws why.
void fail_together() {
  try {
    with_scope([](scope& s) {
      s.spin(rehearse, "soprano", 10ms);
      s.spin(rehearse, "tenor", 1h);
      s.spin([] {
        sleep(50ms);
        throw std::runtime_error("the organ is broken");
      });
    });
  } catch (const std::runtime_error& error) {
    std::printf("no rehearsal: %s\n", error.what());
  }
}

/// What goes wrong while the others clean up is not lost.
void lose_no_error() {
  try {
    with_scope([](scope& s) {
      s.spin([] {
        sleep(10ms);
        throw std::runtime_error("the lights went out");
      });
      s.spin([] {
        const finally pack([] { throw std::runtime_error("the case is missing"); });
        sleep(1h);
      });
    });
  } catch (const exception_group& all) {
    for (const std::exception_ptr& error : all.errors())
      std::printf("one of %zu: %s\n", all.errors().size(), describe(error).c_str());
  }
}

/// A daemon serves the others, and keeps nobody waiting.
void take_notes() {
  with_scope([](scope& s) {
    const auto clerk = s.spin_daemon([] {
      int pages = 0;
      const finally close([&] { std::printf("the clerk: %d notes\n", pages); });
      receive_loop([&](const std::string& note) {
        std::printf("the clerk: %s\n", note.c_str());
        ++pages;
      });
    });
    s.spin([clerk] { clerk << "soprano, a bar too early"; });
    s.spin([clerk] { clerk << "bass, a tone too low"; });
  });
}

/// A clock on the block is a clock on all of it.
void sing_until_eight() {
  const bool through = move_on_after(50ms, [] {
    with_scope([](scope& s) {
      s.on_exit([] { std::puts("the doors are locked"); });
      s.spin(rehearse, "the motet", 10ms);
      s.spin(rehearse, "the mass", 1h);
    });
  });
  std::printf("the evening %s\n", through ? "was long enough" : "was too short");
}

/// Whoever is to stay longer than the block moves out of it.
void stay_longer() {
  fiber<std::string> organist;
  with_scope([&, hall = this_fiber::self()](scope& s) {
    organist = s.spin([] {
      sleep(20ms);
      return std::string("an encore");
    });
    organist.attach_to(hall);
  });
  std::puts("all have left but the organist");
  std::printf("%s\n", organist.await().c_str());
}

}  // namespace

int main(int argc, char** argv) try {
  examples::read_arguments(argc, argv, "Shows what scopes do.");
  run([] {
    fail_together();
    lose_no_error();
    take_notes();
    sing_until_eight();
    stay_longer();
  });
} catch (const std::exception& error) {
  return examples::explain(error);
}
