// SPDX-License-Identifier: MIT

/// @file
/// The load's loops over connections that stay.

#include "load_client.hpp"

#include <cerrno>
#include <vector>

namespace bench {
namespace {

constexpr std::int64_t patience_ns = 5'000'000'000;

void closed_turns(client& peers, std::vector<std::int64_t>& sent_at, std::int64_t until,
                  findings& found) {
  for (std::int64_t now = now_ns(); now < until;) {
    peers.wait();
    now = now_ns();
    peers.take_completions([&](unsigned i) {
      ++found.requests;
      found.latency.add(now - sent_at[i]);
      sent_at[i] = now;
      peers.send_message(i);
    });
  }
}

/// The n-th message of all is due at the n-th multiple of the interval, and they take
/// turns with the connections.
class timetable {
 public:
  timetable(const load_options& options, std::int64_t start)
      : connections_(static_cast<std::uint64_t>(options.connections)),
        interval_(1e9 / options.rate),
        start_(start) {}

  [[nodiscard]] std::int64_t at(std::uint64_t n) const {
    return start_ + static_cast<std::int64_t>(static_cast<double>(n) * interval_);
  }
  [[nodiscard]] std::int64_t at(unsigned connection, std::uint64_t n) const {
    return at(n * connections_ + connection);
  }

 private:
  std::uint64_t connections_;
  double interval_;
  std::int64_t start_;
};

class paced_load {
 public:
  paced_load(const load_options& options, findings& found)
      : found_(found),
        peers_(options),
        lines_(peers_.count()),
        start_(now_ns() + 1'000'000),
        from_(start_ + seconds_to_ns(options.warm_up)),
        end_(from_ + seconds_to_ns(options.seconds)),
        times_(options, start_) {}

  void run() {
    turns_until(from_);
    found_.measured.open();
    turns_until(end_);
    found_.measured.close();
    // Those late are part of what is measured.
    turns_until(end_ + patience_ns);
    found_.errors = peers_.errors() + under_way_;
  }

 private:
  struct line {
    std::uint64_t due = 0;
    std::uint64_t answered = 0;
  };

  void turns_until(std::int64_t until) {
    for (now_ = now_ns(); now_ < until; now_ = now_ns()) {
      send_what_is_due();
      if (now_ >= end_ && under_way_ == 0) return;
      peers_.poll();
      now_ = now_ns();
      peers_.take_completions([&](unsigned i) { take_answer(i); });
    }
  }

  void send_what_is_due() {
    for (; times_.at(next_) <= now_ && times_.at(next_) < end_; ++next_) {
      const auto i = static_cast<unsigned>(next_ % lines_.size());
      ++under_way_;
      if (lines_[i].due++ != lines_[i].answered) continue;
      peers_.send_message(i);
      if (times_.at(next_) >= from_) found_.lateness.add(now_ - times_.at(next_));
    }
  }

  void take_answer(unsigned i) {
    const std::int64_t scheduled = times_.at(i, lines_[i].answered++);
    --under_way_;
    if (lines_[i].due > lines_[i].answered) peers_.send_message(i);
    if (scheduled < from_) return;
    ++found_.requests;
    found_.latency.add(now_ - scheduled);
  }

  findings& found_;
  client peers_;
  std::vector<line> lines_;
  std::int64_t start_;
  std::int64_t from_;
  std::int64_t end_;
  timetable times_;
  std::int64_t now_ = 0;
  std::uint64_t next_ = 0;
  std::uint64_t under_way_ = 0;
};

}  // namespace

void closed_loop(const load_options& options, findings& found) {
  client peers(options);
  std::vector<std::int64_t> sent_at(peers.count(), now_ns());
  for (unsigned i = 0; i < peers.count(); ++i)
    peers.send_message(i);
  closed_turns(peers, sent_at, now_ns() + seconds_to_ns(options.warm_up), found);
  found.latency.clear();
  found.requests = 0;
  found.measured.open();
  closed_turns(peers, sent_at, now_ns() + seconds_to_ns(options.seconds), found);
  found.measured.close();
  found.errors = peers.errors();
}

void open_loop(const load_options& options, findings& found) {
  paced_load(options, found).run();
}

}  // namespace bench
