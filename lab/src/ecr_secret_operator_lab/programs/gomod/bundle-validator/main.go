// Command bundle-validator runs the validators of operator-framework/api on the directory of an OLM bundle.
//
// It prints every error and warning, and exits with status 1 if there is one.
package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"

	"github.com/operator-framework/api/pkg/manifests"
	"github.com/operator-framework/api/pkg/validation"
	interfaces "github.com/operator-framework/api/pkg/validation/interfaces"
)

// needsImages says whether a validator pulls the operator's image. All others read the bundle only.
func needsImages(validator interfaces.Validator) bool {
	return reflect.ValueOf(validator).Pointer() == reflect.ValueOf(validation.MultipleArchitecturesValidator).Pointer()
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: bundle-validator DIRECTORY")
		os.Exit(2)
	}
	bundle, err := manifests.GetBundleFromDir(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	validators := slices.DeleteFunc(slices.Clone(validation.AllValidators), needsImages)
	found := false
	for _, result := range validators.Validate(bundle.ObjectsToValidate()...) {
		for _, finding := range append(result.Errors, result.Warnings...) {
			found = true
			fmt.Println(finding)
		}
	}
	if found {
		os.Exit(1)
	}
}
