// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Code that blocks its thread, run on another one.
///
/// Files, databases, compression, C libraries that know nothing of fibers: while a thread
/// is in there, none of its fibers runs. So they are called on the threads of a pool, of
/// which the process has one, and the fiber parks meanwhile.

#include <motet/call_site.hpp>
#include <motet/detail/callback.hpp>
#include <motet/detail/job.hpp>

#include <type_traits>
#include <utility>

namespace motet {

/// How a job is to be waited for.
struct blocking_options {
  /// Called once if the fiber is asked to stop while the job runs: makes it return soon,
  /// as `sqlite3_interrupt` does. On the fiber's thread, between two fibers: it may
  /// neither park nor throw. The job may have just ended when it is called.
  detail::callback<void()> on_cancel = {};
};

/// See `blocking`.
struct abandon_on_cancel_t {
  explicit abandon_on_cancel_t() = default;
};
inline constexpr abandon_on_cancel_t abandon_on_cancel{};

/// Runs `f` on a thread of the pool and parks until it has returned. `f` is no fiber: it
/// cannot use what belongs to the scheduler it is called from, but for `in_fiber`, `<<`
/// and handles. It may use what is on the fiber's stack.
///
/// A fiber that is asked to stop while the job is queued takes it back: it never runs.
/// Once it runs, the fiber waits for its end all the same; then the result counts, and
/// the next point throws. If `f` takes a `std::stop_token`, it learns of the request, or
/// of the grace of a `terminate`, and can return early.
///
/// The queue is first come, first served. How many jobs run at a time:
/// `run_options::blocking_threads`.
/// @returns the result of `f`, or rethrows what it threw.
/// @throws structure_error outside of fibers; std::system_error if there is no thread for
/// the job and none can be started. Cancellation point.
template <detail::job_callable F>
detail::job_result_t<F> blocking(F&& f, call_site where = call_site::here()) {
  detail::job_call<F&> work(f);
  detail::run_job(work.body(), nullptr, where);
  return work.take();
}
/// The same, with an action that makes the job return early. Cancellation point.
template <detail::job_callable F>
detail::job_result_t<F> blocking(const blocking_options& options, F&& f,
                                 call_site where = call_site::here()) {
  detail::job_call<F&> work(f);
  const detail::job_action action(options.on_cancel);
  detail::run_job(work.body(), options.on_cancel ? &action : nullptr, where);
  return work.take();
}

/// The same for a job that nothing can make return: a fiber that is asked to stop does
/// not wait for it. The job runs on and keeps its thread. When it returns, what it
/// captured and what it returned are destroyed, on its thread; what it throws goes to
/// `run_options::on_unhandled`, or, if the scheduler has ended, to stderr.
///
/// So `f` may only use what it owns: capture copies. A reference in there dangles as soon
/// as the fiber goes on, and nothing can check that.
///
/// When `run` ends it waits two seconds for such jobs, less if a second signal comes.
/// Those still running are left behind, with a line on stderr that says which: they end
/// with the process, at any point. Cancellation point.
template <detail::job_callable F>
detail::job_result_t<F> blocking(abandon_on_cancel_t, F f,
                                 call_site where = call_site::here()) {
  using work_type = detail::job_call<F>;
  auto* const work = new work_type(std::move(f));
  detail::owned_call owned(work,
                           [](void* w) noexcept { delete static_cast<work_type*>(w); });
  detail::run_owned_job(work->body(), owned, where);
  return work->take();
}

/// To be called by a job: has `f` run by the fiber that waits for the job, on its thread,
/// and blocks until it was. There it may do all that fibers do. What it throws is thrown
/// here, so that the job unwinds; if the fiber was asked to stop, that is `cancelled`.
/// While the job unwinds, `f` runs in a shield.
/// @returns the result of `f`.
/// @throws structure_error outside of jobs, and if the job was abandoned. Cancellation
/// point if `f` has one.
template <class F>
requires std::is_invocable_v<F&>
auto in_fiber(F&& f) {
  detail::job_call<F&> work(f);
  const detail::job_body body = work.body();
  detail::run_in_fiber([&] { body.run(body.call, {}); });
  return work.take();
}

}  // namespace motet
