/*
Copyright The Kubernetes Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

// Package policy bounds requests by class: a file, DeadlinePolicy, whose rules
// match verbs, API groups, resources, non-resource paths, users and groups, and
// say how long such a request may take.
//
// The type, its defaults, its validation, the matcher and the reloader stand in
// one package, and not below pkg/apis as those of other configuration files: there
// is one version and no internal one, nothing is converted, and what is here
// depends on no other package that is new. If it becomes a part of Kubernetes' API, the
// type is to move to pkg/apis/apiserver/v1alpha1 as it is, and into that package's
// group; until then it has a group of its own.
//
// A deadline must stand before a request is authenticated, or a slow authenticator
// would have none. So a policy is asked twice. Outer is asked before
// authentication, about the rules that name neither users nor groups. Inner is
// asked when the user is known, about all rules; what it says can only shorten what
// Outer has said. What follows is in the documentation of Rule. Both passes of a
// request must ask the same Policy: see NewContext.
//
// A rule takes the place of --request-timeout for the requests that it matches,
// shorter or longer; a request that no rule matches has --request-timeout. The
// client's ?timeout= shortens that, and never extends it. A longer rule gives a
// client more than the server's other times were made for. The watch cache keeps the
// events of --request-timeout plus 15 s, for clients that watch from the
// resourceVersion of a list: where much changes, a watch after a list that took
// longer may be told "too old resource version", which a WatchList is not. An
// aggregated API's own server has its own --request-timeout and a policy of its own,
// and the nearer bound holds. Load balancers and proxies have idle timeouts.
//
// API Priority and Fairness has a request wait in its queue for a quarter of its
// deadline at most, counted from its arrival, and never for more than a minute. It is
// asked after Inner has shortened the bound. So a bound of 1 s means 250 ms in line and
// a 429 after that, not a 504, and a bound above 4 minutes makes no request wait longer
// than one of 4 minutes does. A request holds its seats until its handler has returned:
// a long bound for a class that many clients send belongs together with a FlowSchema of
// its own.
//
// A server that shuts down waits for the requests in flight, which are bounded by
// --request-timeout, and cuts none off. A longer bound must not make a shutdown longer:
// Drain ends what is left of such a request, with a 504 that says so, when the server
// has been accepting no requests for as long as --request-timeout. So a shutdown takes
// as long as without a policy, however long the bounds, and no request has less than
// --request-timeout for it.
package policy
