// SPDX-License-Identifier: MIT
#include "lib/fiber/errand.hpp"

#include "lib/core/scheduler.hpp"

#include <utility>

namespace motet::detail {

errand::errand(fiber_state& target) noexcept
    : target_(target), home_(this_scheduler->door()) {
  for (step* s : {&begin_, &undo_, &done_, &answer_})
    s->of = this;
  begin_.run = [](remote_task& t) noexcept { static_cast<step&>(t).of->begin(); };
  undo_.run = [](remote_task& t) noexcept {
    errand& self = *static_cast<step&>(t).of;
    if (self.undo()) self.done();
    self.send_home(self.answer_);
  };
  done_.run = [](remote_task& t) noexcept {
    errand& self = *static_cast<step&>(t).of;
    self.over_ = true;
    self.come_home();
  };
  answer_.run = [](remote_task& t) noexcept {
    errand& self = *static_cast<step&>(t).of;
    self.calling_off_ = false;
    self.come_home();
  };
}

void errand::go() noexcept {
  this_scheduler->expect_wake();
  // With its scheduler the target has ended: what `begin` finds out on this thread, too.
  if (!target_.door->post(begin_)) begin();
}

void errand::call_off() noexcept {
  if (over_ || std::exchange(calling_off_, true)) return;
  // If there is nobody to ask any more, the word that it is done is on its way.
  if (!target_.door->post(undo_)) calling_off_ = false;
}

void errand::send_home(step& with) noexcept {
  home_.post(with);  // whose scheduler lives, as one of its fibers waits
}

void errand::come_home() noexcept {
  if (!over_ || calling_off_) return;
  this_scheduler->wake_came();
  back();
}

}  // namespace motet::detail
