// SPDX-License-Identifier: GPL-2.0

// Memstats decodes memstats.json files into Go's own runtime.MemStats, with
// nothing left over on either side, and checks what Go promises of it.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
)

// every says which of Go's fields the file does not have.
func every(data []byte) error {
	var have map[string]json.RawMessage
	if err := json.Unmarshal(data, &have); err != nil {
		return err
	}
	want := reflect.TypeOf(runtime.MemStats{})
	for i := 0; i < want.NumField(); i++ {
		if _, ok := have[want.Field(i).Name]; !ok {
			return fmt.Errorf("no field %s", want.Field(i).Name)
		}
	}
	return nil
}

func judge(m *runtime.MemStats) error {
	sum := m.HeapSys + m.StackSys + m.MSpanSys + m.MCacheSys +
		m.BuckHashSys + m.GCSys + m.OtherSys
	switch {
	case m.Sys == 0 || m.Sys != sum:
		return fmt.Errorf("Sys is %d, its parts %d", m.Sys, sum)
	case m.HeapSys != m.HeapIdle+m.HeapInuse:
		return fmt.Errorf("HeapSys is %d", m.HeapSys)
	case m.HeapObjects != m.Mallocs-m.Frees:
		return fmt.Errorf("HeapObjects is %d", m.HeapObjects)
	case m.BySize[1].Size != 8:
		return fmt.Errorf("BySize[1].Size is %d", m.BySize[1].Size)
	}
	return nil
}

func check(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := every(data); err != nil {
		return err
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	var m runtime.MemStats
	if err := decoder.Decode(&m); err != nil {
		return err
	}
	return judge(&m)
}

func main() {
	for _, name := range os.Args[1:] {
		if err := check(name); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
	}
}
