package sidebyside

// allGroups are the requests.
func allGroups() []group {
	return []group{
		discovery(),
		openAPI(),
		health(),
		cors(),
		reads(),
		writes(),
		lists(),
		watches(),
		pods(),
		workloads(),
		access(),
		crds(),
		admission(),
		aggregated(),
		onTheWire(),
		leaving(),
	}
}

func core(resource string) string { return "/api/v1/namespaces/${ns}/" + resource }

// typed are headers for a body of a type.
func typed(contentType string) map[string]string {
	return map[string]string{"Content-Type": contentType}
}

// accept are headers that ask for a type.
func accept(types string) map[string]string { return map[string]string{"Accept": types} }
