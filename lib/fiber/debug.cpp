// SPDX-License-Identifier: MIT
#include "lib/blocking/pool.hpp"
#include "lib/core/cancel_tree.hpp"
#include "lib/core/scheduler.hpp"
#include "lib/fiber/diagnose.hpp"
#include "lib/fiber/walk_tree.hpp"

#include <motet/debug.hpp>
#include <motet/error.hpp>

#include <algorithm>
#include <cstdint>
#include <ostream>
#include <string>

namespace motet {

namespace {

using detail::at_place;
using detail::cancel_scope;
using detail::describe_age;
using detail::explain;
using detail::fiber_state;

std::string counted(std::size_t n, const std::string& what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

std::string quoted(const fiber_state& fiber) {
  std::string text = "\"";  // step by step, as g++ 12 warns of a sum without reason
  text += name_of(fiber);
  text += '"';
  return text;
}

/// What a fiber does, and since when.
std::string doing(const fiber_state& fiber, time_point now) {
  switch (fiber.phase) {
    case fiber_phase::fresh:
      return "not started";
    case fiber_phase::runnable:
      return "runnable";
    case fiber_phase::running:
      return "running";
    case fiber_phase::parked: {
      const detail::waiter& how = *fiber.waiting;
      const duration age = std::max(now - how.since, duration::zero());
      return std::string("waits for ") + how.what + " for " + describe_age(age) +
             at_place(how.where);
    }
    case fiber_phase::ended:
      return fiber.restartable ? "ended, restartable" : "ended";
  }
  return "";
}

/// The lines about one fiber, without its name.
class description {
 public:
  description(const fiber_state& fiber, time_point now) : fiber_(fiber), now_(now) {
    text_ = doing(fiber, now);
    if (fiber.ending && fiber.phase != fiber_phase::ended) text_ += ", ending";
    if (fiber.chain.wall != nullptr) text_ += ", in a shield";
    if (fiber.spun_at.line != 0) text_ += ", spun" + at_place(fiber.spun_at);
    if (fiber.phase == fiber_phase::ended) return;
    add_own_requests();
    add_request_from_outside();
    add_raised();
    add_deadlines();
    add_messages();
  }

  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  void add(const std::string& detail) { text_ += "\n  - " + detail; }

  [[nodiscard]] const char* hidden_by() const noexcept {
    return fiber_.chain.wall != nullptr ? "; held back by a shield"
                                        : "; held back while it unwinds";
  }

  /// Requests aimed at the fiber or a block in it, the innermost first.
  void add_own_requests() {
    bool visible = true;
    const unsigned uncaught = detail::uncaught_in(fiber_);
    for (const cancel_scope* s = fiber_.chain.innermost;; s = s->parent) {
      if (s == fiber_.chain.wall) visible = false;
      if (s->request != nullptr) {
        const bool held_back = !visible || s->uncaught != uncaught;
        add((s == &fiber_.root ? "asked to end: " : "a block in it is to end: ") +
            explain(s->request->why, now_) + (held_back ? hidden_by() : ""));
      }
      if (s == &fiber_.root) break;
    }
  }

  /// The outermost request that reaches the fiber from those it lives in.
  void add_request_from_outside() {
    if (!fiber_.attention || fiber_.root.cut) return;
    const cancel_scope* found = nullptr;
    for (const cancel_scope* s = fiber_.root.parent; s != nullptr; s = s->parent) {
      if (s->request != nullptr) found = s;
      if (s->cut) break;
    }
    if (found == nullptr) return;
    const bool held_back = find_cancelled(fiber_) == nullptr;
    add("to end with fiber " + quoted(*found->fiber) + ": " +
        explain(found->request->why, now_) + (held_back ? hidden_by() : ""));
  }

  void add_raised() {
    if (!fiber_.has_edges()) return;
    constexpr std::size_t most = 3;
    const auto& edges = fiber_.extras->edges;
    std::string line = counted(edges.size(), "exception") + " raised into it: ";
    std::size_t shown = 0;
    for (const auto& e : edges) {
      if (shown == most) break;
      if (shown++ != 0) line += "; ";
      line += describe(e.error);
      if (e.child.get() != nullptr) {
        line += ", the error of fiber " + quoted(*e.child.get());
      } else if (e.thrower != nullptr) {
        const fiber_state* const waits = e.thrower->waits;
        line += ", for which fiber " +
                (waits != nullptr ? quoted(*waits) : "of another thread") + " waits";
      }
    }
    if (edges.size() > most) line += "; ...";
    if (!lets_edges_in(fiber_)) line += hidden_by();
    add(line);
  }

  void add_deadlines() {
    if (fiber_.deadlines != 0) {
      const time_point when = deadline_of(fiber_);
      if (when > now_ && when != time_point::max()) {
        add("its time is up in " + describe_age(when - now_));
      }
    }
    if (!fiber_.extras || !fiber_.extras->grace || !fiber_.extras->grace->armed()) return;
    const detail::grace_timer& grace = *fiber_.extras->grace;
    add("will be stopped in " + describe_age(grace.deadline - now_) + ": " +
        explain(grace.why->why, now_));
  }

  void add_messages() {
    const detail::mailbox& box = fiber_.box;
    if (box.size == 0) return;
    std::string line = counted(box.size, "message");
    if (box.cap != 0 && box.size >= box.cap) line += ", its mailbox is full";
    if (box.closed) line += ", for its next run";
    add(line);
  }

  const fiber_state& fiber_;
  const time_point now_;
  std::string text_;
};

/// The tree as text. Siblings without names or children that would have the same lines
/// share one after the first few.
class tree_text {
 public:
  explicit tree_text(time_point now) : now_(now) {}

  void add(const fiber_state& fiber, std::size_t depth) {
    const std::string lines = description(fiber, now_).text();
    const bool named = fiber.is_main() || (fiber.extras && !fiber.extras->name.empty());
    const bool alike = !named && depth == depth_ && lines == last_;
    if (!alike) flush();
    depth_ = depth;
    last_ = named ? std::string() : lines;
    if (alike && ++repeated_ > shown_alike) {
      const bool has_children = first_child(fiber) != nullptr;
      if (!has_children) {
        ++left_out_;
        return;
      }
      flush();
    }
    indent(depth);
    text_ += quoted(fiber);
    if (named && !fiber.is_main()) text_ += " (" + number_of(fiber) + ")";
    text_ += ' ';
    for (const char c : lines) {
      text_ += c;
      if (c == '\n') indent(depth);
    }
    text_ += '\n';
  }

  [[nodiscard]] std::string take() {
    flush();
    return std::move(text_);
  }

 private:
  static constexpr std::size_t shown_alike = 5;

  static std::string number_of(const fiber_state& fiber) {
    return std::to_string(fiber.id & 0xff'ffff'ffffU);
  }

  void indent(std::size_t depth) { text_.append(depth * 2, ' '); }

  void flush() {
    if (left_out_ != 0) {
      indent(depth_);
      text_ += "and " + counted(left_out_, "fiber") + " more, just like that one\n";
    }
    repeated_ = 0;
    left_out_ = 0;
  }

  const time_point now_;
  std::string text_;
  std::string last_;
  std::size_t depth_ = 0;
  std::size_t repeated_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace

std::string dump() {
  if (detail::this_scheduler == nullptr) return {};
  tree_text text(detail::this_scheduler->time().now());
  detail::walk_tree(
      detail::this_scheduler->main(),
      [&](const fiber_state& fiber, std::size_t depth) { text.add(fiber, depth); });
  return text.take();
}

void dump(std::ostream& to) {
  to << dump();
}

scheduler_stats stats() {
  if (detail::this_scheduler == nullptr) return {};
  detail::scheduler& s = *detail::this_scheduler;
  scheduler_stats now{.stacks = s.stacks_in_use(),
                      .timers = s.timers().size(),
                      .operations = s.kernel().in_flight(),
                      .blocking = detail::thread_pool::instance().figures()};
  detail::walk_tree(s.main(), [&](const fiber_state& fiber, std::size_t) {
    now.fibers += fiber.phase != fiber_phase::ended;
    now.runnable +=
        fiber.phase == fiber_phase::fresh || fiber.phase == fiber_phase::runnable;
    now.parked += fiber.phase == fiber_phase::parked;
  });
  return now;
}

}  // namespace motet
