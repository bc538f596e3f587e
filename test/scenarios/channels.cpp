// SPDX-License-Identifier: MIT
#include "test/scenarios/holding.hpp"

#include <exception>
#include <utility>
#include <vector>

namespace motet::test {

namespace {

/// Taken when it is made, given back wherever it ends: on the way, or where it went.
class item {
 public:
  explicit item(held_things& of) : of_(&of) { ++of.taken; }
  item(item&& from) noexcept : of_(std::exchange(from.of_, nullptr)) {}
  item& operator=(item&&) = delete;
  ~item() {
    if (of_ != nullptr) ++of_->given_back;
  }

 private:
  held_things* of_;
};

// Stopped before it has begun, it would close nothing.
const spin_options surely{.start = start_policy::always};

void produce(held_things& h, channel<item>& to, int count) {
  const finally over([&] { to.close(); });
  for (int i = 0; i < count; ++i) {
    if (i % 2 == 0) sleep(beat);
    to.send(item(h));
  }
}

void consume(channel<item>& from) {
  const finally over([&] { from.close(); });
  for ([[maybe_unused]] auto&& got : from)
    sleep(beat);
}

void from_hand_to_hand(held_things& h) {
  channel<item> ch;
  channel<item> wide(2);
  with_scope([&](scope& s) {
    s.spin(surely, [&] { produce(h, ch, 4); });
    s.spin(surely, [&] { consume(wide); });
    s.spin(surely, [&] { consume(wide); });
    const finally over([&] {
      ch.close();
      wide.close();
    });
    for (item got : ch)
      wide.send(std::move(got));
  });
}

void whatever_comes_first(held_things& h) {
  channel<item> ch;
  channel<item> wide(1);
  with_scope([&](scope& s) {
    s.spin_daemon(surely, [&] { produce(h, ch, 9); });
    s.spin_daemon(surely, [&] { consume(wide); });
    for (int i = 0; i < 4; ++i) {
      item mine(h);
      select(receive_from(ch, [](const item&) { sleep(beat); }),
             send_to(wide, std::move(mine), [] { yield(); }), after(3 * beat));
    }
    ch.close();
    wide.close();
  });
}

/// Who is stopped closes its channels, which others do not expect.
bool is_closed(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const closed_error&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

std::vector<scenario> channels() {
  return {{"channels, from hand to hand", 30, &from_hand_to_hand, &is_closed},
          {"select", 30, &whatever_comes_first, &is_closed}};
}

}  // namespace motet::test
