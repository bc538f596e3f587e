// SPDX-License-Identifier: MIT
#include "lib/blocking/pool.hpp"

#include "backend/posix/all_signals_blocked.hpp"

#include <algorithm>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include <pthread.h>

namespace motet::detail {

namespace {

/// Most of them sleep in the kernel, so there may be many more than cores; but not so
/// many that a thousand queries at a time become a thousand threads.
constexpr std::size_t usual_most = 32;

constexpr std::chrono::seconds idle_for{10};

std::size_t size_for(std::size_t wish) noexcept {
  if (wish != 0) return wish;
  return std::max(usual_most, std::size_t{2} * std::thread::hardware_concurrency());
}

}  // namespace

/// A thread. One that runs a job when it is dismissed belongs to itself from then on.
struct thread_pool::worker {
  std::thread thread;
  bool busy = false;
  bool dismissed = false;
  bool on_its_own = false;
};

thread_pool& thread_pool::instance() noexcept {
  // NOLINTNEXTLINE(bugprone-unhandled-exception-at-new): without it there is no program
  static auto* const one = new thread_pool;
  return *one;
}

void thread_pool::join(std::size_t most) {
  const std::scoped_lock hold(lock_);
  wishes_.push_back(size_for(most));
}

void thread_pool::leave(std::size_t most) noexcept {
  std::vector<std::unique_ptr<worker>> gone;
  {
    const std::scoped_lock hold(lock_);
    wishes_.erase(std::ranges::find(wishes_, size_for(most)));
    if (!wishes_.empty()) return;
    gone = std::exchange(workers_, {});
    busy_ = 0;
    limited_running_ = 0;
    longest_wait_ = {};
    for (auto& w : gone) {
      w->dismissed = true;
      if (!w->busy) continue;
      w->on_its_own = true;
      w->thread.detach();
      static_cast<void>(w.release());
    }
  }
  more_to_do_.notify_all();
  for (auto& w : gone) {
    if (w) w->thread.join();
  }
}

std::size_t thread_pool::most() const noexcept {
  return wishes_.empty() ? 1 : *std::ranges::max_element(wishes_);
}

std::size_t thread_pool::most_limited() const noexcept {
  return std::max<std::size_t>(most() / 2, 1);
}

bool thread_pool::has_thread_for_limited() const noexcept {
  return limited_running_ < most_limited();
}

/// How many of those that are queued may run now.
std::size_t thread_pool::runnable() const noexcept {
  const std::size_t left = most_limited() - std::min(most_limited(), limited_running_);
  return usual_.length + std::min(limited_.length, left);
}

/// The oldest that may run.
pool_job* thread_pool::next_job() const noexcept {
  pool_job* const usual = usual_.first;
  pool_job* const limited = has_thread_for_limited() ? limited_.first : nullptr;
  if (usual == nullptr || limited == nullptr) return usual != nullptr ? usual : limited;
  return limited->since < usual->since ? limited : usual;
}

void thread_pool::submit(pool_job& job) {
  {
    const std::scoped_lock hold(lock_);
    const std::size_t idle = workers_.size() - busy_;
    const bool may_run =
        !job.limited || limited_running_ + limited_.length < most_limited();
    const bool short_of = workers_.empty() || (may_run && runnable() >= idle);
    if (short_of && workers_.size() < most()) add_worker();
    line& to = job.limited ? limited_ : usual_;
    job.queued = true;
    job.since = std::chrono::steady_clock::now();
    job.next = nullptr;
    job.previous = to.last;
    (to.last != nullptr ? to.last->next : to.first) = &job;
    to.last = &job;
    ++to.length;
  }
  more_to_do_.notify_one();
}

/// Without a new one, those that there are will do it.
void thread_pool::add_worker() {
  try {
    auto made = std::make_unique<worker>();
    workers_.reserve(workers_.size() + 1);
    const all_signals_blocked during;
    made->thread = std::thread([this, self = made.get()] { work(*self); });
    workers_.push_back(std::move(made));
  } catch (const std::system_error& error) {
    if (!workers_.empty()) return;
    throw std::system_error(error.code(), "start a thread for code that blocks");
  } catch (const std::bad_alloc&) {
    if (workers_.empty()) throw;
  }
}

void thread_pool::work(worker& self) noexcept {
  ::pthread_setname_np(::pthread_self(), "motet-blocking");
  std::unique_lock hold(lock_);
  while (!self.dismissed) {
    const bool wanted = more_to_do_.wait_for(
        hold, idle_for, [&] { return self.dismissed || next_job() != nullptr; });
    if (self.dismissed) break;
    if (!wanted) return forget(self);
    do_first(self, hold);
  }
  if (self.on_its_own) delete &self;
}

void thread_pool::do_first(worker& self, std::unique_lock<std::mutex>& hold) noexcept {
  pool_job& job = *next_job();
  const std::size_t of_limited = job.limited ? 1 : 0;
  remove_from_queue(job);
  self.busy = true;
  ++busy_;
  limited_running_ += of_limited;
  hold.unlock();
  job.run(job);
  hold.lock();
  self.busy = false;
  if (!self.dismissed) {
    --busy_;
    limited_running_ -= of_limited;
  }
  // Free first: who hears that all is done may end the pool, and waits for threads that
  // are free.
  hold.unlock();
  job.finished(job);
  hold.lock();
}

/// A thread ends that was idle for long.
void thread_pool::forget(worker& self) noexcept {
  self.thread.detach();
  workers_.erase(std::ranges::find(workers_, &self, &std::unique_ptr<worker>::get));
}

bool thread_pool::withdraw(pool_job& job) noexcept {
  const std::scoped_lock hold(lock_);
  if (!job.queued) return false;
  remove_from_queue(job);
  return true;
}

void thread_pool::remove_from_queue(pool_job& job) noexcept {
  line& from = job.limited ? limited_ : usual_;
  (job.previous != nullptr ? job.previous->next : from.first) = job.next;
  (job.next != nullptr ? job.next->previous : from.last) = job.previous;
  job.queued = false;
  --from.length;
  longest_wait_ = std::max<std::chrono::nanoseconds>(
      longest_wait_, std::chrono::steady_clock::now() - job.since);
}

blocking_stats thread_pool::figures() noexcept {
  const std::scoped_lock hold(lock_);
  blocking_stats now{.threads = workers_.size(),
                     .running = busy_,
                     .queued = usual_.length + limited_.length,
                     .longest_wait = longest_wait_};
  for (const pool_job* oldest : {usual_.first, limited_.first}) {
    if (oldest == nullptr) continue;
    now.longest_wait = std::max<std::chrono::nanoseconds>(
        now.longest_wait, std::chrono::steady_clock::now() - oldest->since);
  }
  return now;
}

}  // namespace motet::detail
