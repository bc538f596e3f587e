// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The operations of F5, each in a way that tells what came of it.

#include "test/support/network.hpp"

#include <motet/tcp.hpp>
#include <motet/testing.hpp>
#include <motet/time.hpp>

#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace motet::test {

/// What an operation works with.
struct workbench {
  tcp::listener door = listen_here();
  tcp::stream near = connect_to(door);
  tcp::stream far = door.accept();
  std::vector<tcp::stream> callers;  ///< Connected, and not accepted.
};

struct io_operation {
  const char* name;
  testing::call kind;   ///< What it asks of the network.
  bool at_door;         ///< It works on the listener, not on the near end.
  const char* attempt;  ///< What its errors begin with.
  /// What has to happen at the other end, once.
  void (*prepare)(workbench&);
  /// @returns "whole", "in part", empty if it moves no bytes, or else what is wrong.
  std::string (*run)(workbench&);
  /// The overload for error codes, if there is one.
  std::error_code (*run_with_code)(workbench&);
};

[[nodiscard]] std::span<const io_operation> io_operations();

/// Runs it, while `error` comes up, or bytes come one by one if that is 0.
/// @param pause how long it takes at least if it waits for better times.
/// @returns what its user sees, in a few words.
[[nodiscard]] std::string observe(const io_operation& what, workbench& with, int error,
                                  duration pause = 100ms);

}  // namespace motet::test
