// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the load's three ways of asking share: options, and what comes of a run.

#include "load_measure.hpp"

#include <cstdint>

namespace bench {

struct load_options {
  int port = 0;
  int connections = 50;
  int size = 64;
  double seconds = 0.5;
  double warm_up = 0.15;
  double rate = 0;  ///< Messages per second on all connections; 0: closed loop.
  bool churn = false;
  int server = 0;  ///< Process id; 0 leaves out what is read from /proc.
};

struct findings {
  explicit findings(int server) : measured(server) {}

  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
  histogram latency;
  histogram lateness;  ///< How late messages with a schedule were sent.
  window measured;
};

/// Each connection sends one message, waits for all of it, and sends the next.
void closed_loop(const load_options& options, findings& found);

/// Messages are sent when their time has come, however long answers take: only one that
/// finds its connection waiting for an answer waits, too. Latency is counted from the
/// time a message was to be sent, so that those held up by a slow server count as slow.
void open_loop(const load_options& options, findings& found);

/// Connects, sends one message, waits for all of it and resets the connection.
void churn(const load_options& options, findings& found);

}  // namespace bench
