// SPDX-License-Identifier: MIT
#include "lib/blocking/job.hpp"

#include "lib/core/cancel_tree.hpp"
#include "lib/core/scheduler.hpp"
#include "lib/core/stop_tokens.hpp"
#include "lib/fiber/life.hpp"

#include <motet/error.hpp>
#include <motet/shield.hpp>

#include <optional>
#include <utility>

namespace motet::detail {

namespace {

/// What this thread of the pool is at.
constinit thread_local job* running_job = nullptr;

void destroy(job* j) noexcept {
  job_door& door = j->door;
  delete j;
  door.drop_user();
}

/// An abandoned job that has ended, with nobody to tell but the user.
void bury(job& j) noexcept {
  if (j.error) {
    report_unhandled_of("a job that fiber \"" + j.fiber_name + "\" abandoned",
                        std::move(j.error));
  }
  destroy(&j);
}

void run_on_pool(pool_job& p) noexcept {
  auto& j = static_cast<job&>(p);
  running_job = &j;
  try {
    j.body.run(j.body.call, token_box(j.source.get_token()));
  } catch (...) {
    j.error = std::current_exception();
  }
  running_job = nullptr;
  j.is_left = j.owner.exchange(job_owner::done) == job_owner::abandoned;
  if (j.is_left) j.call.reset();
}

void tell_of_end(pool_job& p) noexcept {
  auto& j = static_cast<job&>(p);
  if (!j.is_left) {
    j.door.post(j.end);  // and it may be gone
  } else if (!j.door.post(j.end)) {
    bury(j);
  }
}

/// On the scheduler's thread; if that has ended, by its destructor.
void take_end(remote_task& task) noexcept {
  job& j = *static_cast<job::end_news&>(task).of;
  if (j.asker == nullptr) {
    job_home::forget_abandoned(j);
    return bury(j);
  }
  job_wait& how = *j.asker;
  // It has run, whatever was asked meanwhile.
  how.aborted = false;
  how.fiber->deadlocked = false;
  this_scheduler->wake_came();
  this_scheduler->unpark(*how.fiber);
}

void leave(job_wait& how) noexcept {
  this_scheduler->wake_came();
  this_scheduler->unpark(*how.fiber);
}

/// Leaves a job that runs to itself, unless it has just ended.
void abandon(job_wait& how) noexcept {
  job& j = *how.of;
  j.asker = nullptr;
  j.abandoned_at = this_scheduler->time().now();
  std::stop_source source = j.source;
  job_owner expected = job_owner::fiber;
  if (!j.owner.compare_exchange_strong(expected, job_owner::abandoned)) {
    j.asker = &how;
    how.aborted = false;
    how.fiber->deadlocked = false;
    return;
  }
  how.abandoned = true;
  job_home::here().add_abandoned(j);
  if (source.stop_possible()) this_scheduler->add_stop(std::move(source));
  leave(how);
}

void cut_short(waiter& w) noexcept {
  auto& how = static_cast<job_wait&>(w);
  job& j = *how.of;
  if (thread_pool::instance().withdraw(j)) return leave(how);
  if (j.call) return abandon(how);
  if (j.source.stop_possible()) this_scheduler->add_stop(j.source);
}

/// Tells a job that takes a token: when its wait is to be cut short, and earlier if there
/// is a grace.
class request_link {
 public:
  request_link(job& j, fiber_state& self)
      : callback_((j.source = std::stop_source(), take_token(self)), pass_on{&j}) {}

 private:
  struct pass_on {
    job* to;
    void operator()() const noexcept { to->source.request_stop(); }
  };
  std::stop_callback<pass_on> callback_;
};

/// Calls a user's action when the job is asked to end.
class action_link {
 public:
  action_link(job& j, const job_action& action)
      : callback_(token_of(j), call_once{&j, &action}) {}

 private:
  static std::stop_token token_of(job& j) {
    if (!j.source.stop_possible()) j.source = std::stop_source();
    return j.source.get_token();
  }
  struct call_once {
    const job* of;
    const job_action* action;
    void operator()() const noexcept {
      if (of->owner.load() != job_owner::done) (*action)();
    }
  };
  std::stop_callback<call_once> callback_;
};

void run_call(fiber_call& call) noexcept {
  try {
    if (call.shielded) {
      shield([&] { call.body(); });
    } else {
      call.body();
    }
  } catch (...) {
    call.error = std::current_exception();
  }
  call.over.release();
}

/// Parks until the job is over, or has been given up.
void wait_for_end(scheduler& s, job& j, job_wait& how) {
  how.what = j.what;
  how.where = j.where;
  how.abort = &cut_short;
  how.of = &j;
  how.fiber = &s.running();
  j.asker = &how;
  thread_pool::instance().submit(j);
  for (;;) {
    s.expect_wake();
    // Not only for masks: what was asked during a call has not been looked for.
    s.park(how, &disturb);
    fiber_call* const call = std::exchange(how.to_call, nullptr);
    if (call == nullptr) return;
    run_call(*call);
  }
}

void bring_call(remote_task& task) noexcept {
  auto& call = static_cast<fiber_call&>(task);
  if (call.of->owner.load() == job_owner::abandoned) {
    call.refused = true;
    call.over.release();
    return;
  }
  job_wait& how = *call.of->asker;
  how.to_call = &call;
  leave(how);
}

void throw_given_up(scheduler& s, call_site where) {
  deliver_after_abort(s, where);
  MOTET_EXPECT(false);  // what has cut a wait short is still there
}

}  // namespace

job::job(const job_body& b, job_door& to, call_site place) noexcept
    : body(b), door(to), where(place) {
  run = &run_on_pool;
  finished = &tell_of_end;
  end.run = &take_end;
  end.of = this;
}

void run_owned_job(const job_body& body, owned_call& call, call_site where) {
  scheduler& s = here("blocking");
  fiber_state& self = enter_point(s, where);
  job_door& door = job_home::here().door();
  std::unique_ptr<job, void (*)(job*) noexcept> j(new job(body, door, where), &destroy);
  door.add_user();
  j->call = std::move(call);
  j->fiber_name = name_of(self);
  std::optional<request_link> link;
  if (body.wants_token) link.emplace(*j, self);
  job_wait how;
  wait_for_end(s, *j, how);
  if (how.abandoned) static_cast<void>(j.release());
  if (how.aborted) throw_given_up(s, where);
  if (j->error) std::rethrow_exception(j->error);
  call = std::move(j->call);
}

void run_job(const job_body& body, const job_action* on_cancel, call_site where) {
  scheduler& s = here("blocking");
  fiber_state& self = enter_point(s, where);
  job j(body, job_home::here().door(), where);
  std::optional<request_link> link;
  if (body.wants_token) link.emplace(j, self);
  std::optional<action_link> action;
  if (on_cancel != nullptr) action.emplace(j, *on_cancel);
  job_wait how;
  wait_for_end(s, j, how);
  if (how.aborted) throw_given_up(s, where);
  if (j.error) std::rethrow_exception(j.error);
}

void run_in_fiber(function_ref<void()> body) {
  if (running_job == nullptr) {
    throw structure_error(
        "in_fiber outside of a job: what is passed to blocking uses it");
  }
  fiber_call call(body);
  call.run = &bring_call;
  call.of = running_job;
  call.shielded = std::uncaught_exceptions() != 0;
  if (running_job->owner.load() == job_owner::fiber && running_job->door.post(call)) {
    call.over.acquire();
  } else {
    call.refused = true;
  }
  if (call.refused) {
    throw structure_error("in_fiber by a job that was abandoned: no fiber waits for it");
  }
  if (call.error) std::rethrow_exception(std::move(call.error));
}

}  // namespace motet::detail
