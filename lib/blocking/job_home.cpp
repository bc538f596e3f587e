// SPDX-License-Identifier: MIT
#include "lib/blocking/job_home.hpp"

#include "lib/blocking/job.hpp"
#include "lib/blocking/pool.hpp"
#include "lib/core/scheduler.hpp"
#include "lib/fiber/diagnose.hpp"

#include <memory>
#include <string>
#include <utility>

namespace motet::detail {

namespace {

constinit thread_local job_home* this_home = nullptr;

/// Long enough for a write that is under way, short enough for whoever pressed ctrl-C.
constexpr duration grace = 2s;

struct grace_end : timer {
  job_home* of = nullptr;
};

}  // namespace

job_home::job_home(scheduler& s, std::size_t most) noexcept : scheduler_(s), most_(most) {
  this_home = this;
}

job_home::~job_home() {
  this_home = nullptr;
  if (door_ == nullptr) return;
  door_->close();
  door_->drop_user();
  thread_pool::instance().leave(most_);
}

job_home& job_home::here() noexcept {
  MOTET_EXPECT(this_home != nullptr);
  return *this_home;
}

void job_home::forget_abandoned(job& j) noexcept {
  // One that was left behind is in no list that anybody reads.
  if (this_home != nullptr) this_home->remove_abandoned(j);
}

job_door& job_home::door() {
  if (door_ == nullptr) {
    auto made = std::make_unique<job_door>(scheduler_.door());
    thread_pool::instance().join(most_);
    door_ = made.release();
  }
  return *door_;
}

void job_home::add_abandoned(job& j) noexcept {
  j.previous = nullptr;
  j.next = first_abandoned_;
  if (j.next != nullptr) j.next->previous = &j;
  first_abandoned_ = &j;
}

void job_home::remove_abandoned(job& j) noexcept {
  if (j.previous != nullptr) {
    j.previous->next = j.next;
  } else {
    first_abandoned_ = static_cast<job*>(j.next);
  }
  if (j.next != nullptr) j.next->previous = j.previous;
  if (first_abandoned_ == nullptr) end_grace();
}

void job_home::wait_for_abandoned() noexcept {
  if (first_abandoned_ == nullptr) return;
  if (!scheduler_.graces_over) {
    waiter how;
    how.what = "abandoned jobs to end";
    grace_end timer;
    timer.deadline = add_saturated(scheduler_.time().not_before_now(), grace);
    timer.of = this;
    timer.expired = [](motet::detail::timer& t) noexcept {
      static_cast<grace_end&>(t).of->end_grace();
    };
    scheduler_.timers().add(timer, timer_heap::rank::scope);
    ending_ = &how;
    scheduler_.expect_wake();
    scheduler_.park(how);
    scheduler_.wake_came();
    if (timer.armed()) scheduler_.timers().remove(timer);
  }
  tell_of_abandoned();
}

void job_home::end_grace() noexcept {
  if (waiter* const how = std::exchange(ending_, nullptr)) {
    scheduler_.unpark(*how->fiber);
  }
}

void job_home::tell_of_abandoned() const noexcept {
  const time_point now = scheduler_.time().now();
  for (const pool_job* p = first_abandoned_; p != nullptr; p = p->next) {
    const auto& j = static_cast<const job&>(*p);
    say("left behind at the end of run, and still running: a job that fiber \"" +
        j.fiber_name + "\" abandoned " + describe_age(now - j.abandoned_at) + " ago" +
        at_place(j.where));
  }
}

}  // namespace motet::detail
