// SPDX-License-Identifier: MIT
#include "lib/core/scheduler.hpp"
#include "lib/fiber/walk_tree.hpp"

#include <motet/cancel.hpp>
#include <motet/debug.hpp>

#include <string>

namespace motet {

namespace {

using detail::fiber_state;

const char* doing(const fiber_state& fiber) noexcept {
  switch (fiber.phase) {
    case fiber_phase::fresh:
      return "not started";
    case fiber_phase::runnable:
      return "runnable";
    case fiber_phase::running:
      return "running";
    case fiber_phase::parked:
      return "waits for ";
    case fiber_phase::ended:
      return "ended";
  }
  return "";
}

void add_line(std::string& text, const fiber_state& fiber, std::size_t depth) {
  text.append(depth * 2, ' ');
  text += "\"" + name_of(fiber) + "\" " + doing(fiber);
  if (fiber.phase == fiber_phase::parked) text += fiber.waiting->what;
  if (fiber.spun_at.line != 0) {
    text += std::string(", spun at ") + fiber.spun_at.file + ":" +
            std::to_string(fiber.spun_at.line);
  }
  if (fiber.root.request != nullptr) {
    text += ", asked to stop (" + to_string(fiber.root.request->why) + ")";
  }
  if (fiber.chain.wall != nullptr) text += ", in a shield";
  if (fiber.box.size != 0) text += ", " + std::to_string(fiber.box.size) + " messages";
  text += '\n';
}

}  // namespace

std::string dump() {
  std::string text;
  if (detail::this_scheduler == nullptr) return text;
  detail::walk_tree(
      detail::this_scheduler->main(),
      [&](fiber_state& fiber, std::size_t depth) { add_line(text, fiber, depth); });
  return text;
}

}  // namespace motet
