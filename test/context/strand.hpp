// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A function on a stack of its own, switched to and from by hand: the least that a
/// scheduler does.

#include "lib/context/context.hpp"
#include "lib/context/exception_state.hpp"
#include "lib/context/sanitizers.hpp"
#include "lib/context/stack.hpp"

#include <functional>
#include <utility>

namespace motet::test {

class strand {
 public:
  strand(stack_pool& pool, std::function<void(strand&)> body)
      : pool_(pool), body_(std::move(body)), stack_(pool.take()) {
    sanitizer_create(inside_, stack_);
    make_context(inner_, stack_.low, stack_.high, enter, this);
  }
  strand(const strand&) = delete;
  strand& operator=(const strand&) = delete;
  ~strand() {
    sanitizer_destroy(inside_);
    pool_.give_back(stack_);
  }

  /// From outside, which may be another strand: runs the body until it pauses or is done.
  void resume() {
    exception_state* const live = live_exception_state();
    sanitizer_state thread;
    resumer_ = std::exchange(running, this);
    if (resumer_ == nullptr) sanitizer_adopt_thread(thread);
    outside_ = resumer_ == nullptr ? &thread : &resumer_->inside_;
    std::swap(*live, exceptions_);
    sanitizer_before_switch(*outside_, inside_, false);
    switch_context(outer_, inner_);
    sanitizer_after_switch(*outside_);
    std::swap(*live, exceptions_);
    running = resumer_;
  }

  /// From inside: back to who resumed. Inlined, so that it is the body that switches.
  [[gnu::always_inline]] void pause() {
    sanitizer_before_switch(inside_, *outside_, done_);
    switch_context(inner_, outer_);
    sanitizer_after_switch(inside_);
  }

  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] stack_span stack() const { return stack_; }

 private:
  static void enter(void* self) {
    auto& here = *static_cast<strand*>(self);
    sanitizer_after_switch(here.inside_);
    here.body_(here);
    here.done_ = true;
    here.pause();
  }

  stack_pool& pool_;
  std::function<void(strand&)> body_;
  stack_span stack_;
  context outer_;
  context inner_;
  exception_state exceptions_;
  sanitizer_state inside_;
  sanitizer_state* outside_ = nullptr;
  strand* resumer_ = nullptr;
  bool done_ = false;

  inline static thread_local strand* running = nullptr;
};

}  // namespace motet::test
