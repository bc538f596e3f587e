// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A job between the fiber that waits for it and the thread that runs it.

#include "lib/blocking/job_home.hpp"
#include "lib/blocking/pool.hpp"
#include "lib/core/remote_queue.hpp"
#include "lib/core/waiter.hpp"

#include <motet/call_site.hpp>
#include <motet/detail/job.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <semaphore>
#include <stop_token>
#include <string>

namespace motet::detail {

/// Whose the job is. Left once: to `abandoned` by the fiber, or to `done` by the thread.
enum class job_owner : std::uint8_t { fiber, abandoned, done };

struct job;

/// What `in_fiber` asks for. Lives on the stack of the thread that waits for it.
struct fiber_call : remote_task {
  job* of = nullptr;
  function_ref<void()> body;
  bool shielded = false;
  bool refused = false;
  std::exception_ptr error;
  std::binary_semaphore over{0};

  explicit fiber_call(function_ref<void()> what) noexcept : body(what) {}
};

/// How the fiber waits.
struct job_wait : waiter {
  job* of = nullptr;
  fiber_call* to_call = nullptr;  ///< What it is to do before it waits on.
  bool abandoned = false;         ///< The job is not to be touched any more.
};

/// Lives on the stack of the fiber that waits, or, if it can be abandoned, on the heap.
struct job : pool_job {
  job_body body;
  owned_call call;  ///< What can be abandoned; null if the fiber has it.
  job_door& door;
  call_site where;
  const char* what = "a blocking job";
  std::string fiber_name;  ///< Of jobs that can be abandoned.
  bool is_left = false;    ///< It was abandoned before it ended. The job's thread only.

  std::atomic<job_owner> owner{job_owner::fiber};
  std::exception_ptr error;
  std::stop_source source{std::nostopstate};
  struct end_news : remote_task {
    job* of = nullptr;
  } end;

  // For the fiber's thread only.
  job_wait* asker = nullptr;
  time_point abandoned_at{};

  job(const job_body& b, job_door& to, call_site place) noexcept;
  job(const job&) = delete;
  job& operator=(const job&) = delete;
  ~job() = default;
};

}  // namespace motet::detail
