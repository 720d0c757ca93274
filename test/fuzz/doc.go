// Package fuzz has the fuzz targets that want the whole chain. `make fuzz` builds them against the tree that the fork
// makes of the newest tag; a plain go test runs their seeds against unmodified upstream, which has to do as well.
package fuzz
