// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What a fragment of code in the docs may use without saying where it comes from.
/// Declared only: fragments are compiled, not run.

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

using namespace motet;
using namespace std::literals;

struct page {};
extern const page empty_page;
page fetch(const std::string& host);
extern const std::vector<std::string> hosts;
void handle(const std::string& message);
void say_goodbye();
void serve(tcp::stream& peer);
void serve_metrics();
std::string slow_library_call();
void interrupt_library();
void start_request(const std::function<void(int)>& done);
void cancel_request();

struct query {
  motet::fiber_ref from;
  std::string term;
};
struct results {};
results search(const std::string& term);
void show(const results& found);
