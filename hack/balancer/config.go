package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"

	"sigs.k8s.io/yaml"
)

// address is envoy's.
type address struct {
	SocketAddress struct {
		Address   string `json:"address"`
		PortValue int    `json:"port_value"`
	} `json:"socket_address"`
}

// resources is as much of envoy's listeners and clusters as kind makes use of.
type resources struct {
	Resources []struct {
		Address        address `json:"address"`
		LoadAssignment struct {
			Endpoints []struct {
				LBEndpoints []struct {
					Endpoint struct {
						Address address `json:"address"`
					} `json:"endpoint"`
				} `json:"lb_endpoints"`
			} `json:"endpoints"`
		} `json:"load_assignment"`
	} `json:"resources"`
}

func read(file string) (*resources, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := &resources{}
	if err := yaml.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// readListener is the port of the first listener; 0 as long as there is none.
func readListener(file string) (int, error) {
	r, err := read(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil || len(r.Resources) == 0 {
		return 0, err
	}
	return r.Resources[0].Address.SocketAddress.PortValue, nil
}

// readBackends are the addresses of all clusters.
func readBackends(file string) ([]string, error) {
	r, err := read(file)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, cluster := range r.Resources {
		for _, e := range cluster.LoadAssignment.Endpoints {
			for _, lb := range e.LBEndpoints {
				a := lb.Endpoint.Address.SocketAddress
				all = append(all, net.JoinHostPort(a.Address, strconv.Itoa(a.PortValue)))
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s names no endpoints, and is not what this kind's files were; next: see hack/balancer/config.go", file)
	}
	return all, nil
}
