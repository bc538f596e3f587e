// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Fibers that fail, or are slow to stop, and what comes of it, as text.

#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>

#include <exception>
#include <string>
#include <utility>

namespace motet::test {

/// What an error says; a group is "{first second}".
inline std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const exception_group& group) {
    std::string text = "{";
    for (const auto& each : group.errors()) {
      if (text.size() > 1) text += ' ';
      text += text_of(each);
    }
    return text + "}";
  } catch (...) {
    return describe(std::current_exception());
  }
}

/// What `f` throws, as text. Lets `cancelled` pass.
template <class F>
std::string thrown_by(F&& f) {
  try {
    std::forward<F>(f)();
  } catch (const cancelled&) {
    throw;
  } catch (...) {
    return text_of(std::current_exception());
  }
  return "nothing";
}

/// A body that sleeps, then throws, whatever is asked of it.
inline auto fails_after(duration span, const char* what) {
  return [span, what] {
    shield([&] { sleep(span); });
    throw trouble(what);
  };
}

/// A body that gives `result` after `span`, whatever is asked of it.
inline auto gives_after(duration span, int result) {
  return [span, result] {
    shield([&] { sleep(span); });
    return result;
  };
}

/// A body that waits to be stopped, and takes `span` to clean up.
inline auto slow_to_stop(std::string name, duration span, trace& log) {
  return [name = std::move(name), span, &log] {
    const cleanup last([&] {
      log.at(name + " asked");
      sleep(span);
      log.at(name + " gone");
    });
    suspend();
  };
}

/// A body that fails when it is stopped.
inline auto fails_when_stopped(const char* what) {
  return [what] {
    try {
      suspend();
    } catch (...) {
      throw trouble(what);
    }
  };
}

}  // namespace motet::test
