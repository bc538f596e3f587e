// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A mutex in something else, by whose name people are told of it.

#include <motet/call_site.hpp>
#include <motet/mutex.hpp>

namespace motet::detail {

/// Has the mutex while it lives.
class holding {
 public:
  holding(mutex& m, const char* what, call_site where) : mutex_(m) {
    mutex_.lock_as(what, where);
  }
  holding(const holding&) = delete;
  holding& operator=(const holding&) = delete;
  ~holding() { mutex_.unlock(); }

 private:
  mutex& mutex_;
};

/// A point that does nothing but look, for calls that do not need to park this time.
void pass_point(const char* what, call_site where);

}  // namespace motet::detail
