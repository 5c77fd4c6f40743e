// Prints the table that tests/domain/test_proxy.py reads: which URLs Go's own package reaches without a proxy.
//
// The table was made with Go 1.26 and golang.org/x/net v0.59.0:
//
//	cd tests/domain/no_proxy
//	go run . > table.json
package main

import (
	"encoding/json"
	"net/url"
	"os"

	"golang.org/x/net/http/httpproxy"
)

var urls = []string{
	"https://localhost:6443", "https://LOCALHOST:6443", "https://localhost.example", "https://localhost.:6443",
	"https://127.0.0.1:6443", "https://127.8.8.8", "https://[::1]:6443", "https://[::ffff:127.0.0.1]",
	"https://kubernetes.default.svc", "https://kubernetes.default.svc:443", "https://kubernetes.default.svc:6443",
	"https://kubernetes.default.svc.cluster.local", "https://svc", "https://mysvc", "https://my.svc.", "https://svc.example",
	"https://api.example", "https://API.Example:6443", "https://api.example:443", "https://example", "https://example:443",
	"https://anexample", "https://api.example.com", "https://user:word@api.example:443", "https://api.example:",
	"http://api.example", "http://api.example:80", "http://api.example:443", "ftp://api.example",
	"https://api.ecr.us-east-2.amazonaws.com/", "https://sts.us-east-2.amazonaws.com/", "https://amazonaws.com",
	"https://172.30.0.1", "https://172.30.0.1:443", "https://172.30.0.1:6443", "https://172.31.0.1", "https://10.0.0.1",
	"https://10.255.255.255:6443", "https://11.0.0.1", "https://169.254.169.254", "https://0.0.0.0", "https://1.2.3.4.example",
	"https://[fd02::1]", "https://[fd02::1]:443", "https://[fd03::1]:6443", "https://[FD02:0:0::1]", "https://[fe80::1%25eth0]",
	"https://[::ffff:10.0.0.1]", "https://b\u00fccher.example", "https://xn--bcher-kva.example", "https://B\u00dcCHER.example",
}

var values = []string{
	"", " ", ",", ",,", "*", " * ", "*,example", "example,*", "**", "*example", "*.", ".", "..", ":", ":443", "*:443",
	"svc", ".svc", "*.svc", "*.svc:443", ".svc:443", "svc:443", "svc:6443", "*.svc:6443", ".SVC", "*.*.svc", ".svc.", "svc.",
	".svc,.cluster.local", "*.svc,*.cluster.local", "kubernetes.default.svc", "kubernetes.default.svc:443", "my.svc.",
	"kubernetes.default.svc:", "kubernetes.default.svc:https", "default.svc", "*.default.svc",
	"example", ".example", "*.example", "api.example", "API.EXAMPLE", "api.example:443", "api.example:6443", "api.example:80",
	"example:443", ".example:443", "*.example:443", "example:80", "example.com", ".example.com", "api.example:443:80",
	"https://api.example", "api.example/", "user@api.example", "[api.example]", "[api.example]:443", "api[.example", "[", "]:443",
	" api.example ", "other, api.example", "other;api.example", "other api.example", "other\tapi.example", "api.exam",
	".amazonaws.com", "*.amazonaws.com", "amazonaws.com", "*amazonaws.com", ".ecr.us-east-2.amazonaws.com",
	"172.30.0.1", "172.30.0.1:443", "172.30.0.1:6443", "172.30.0.1:", "172.30.0.0/16", "172.30.0.1/16", "172.30.0.0/16:443",
	"172.30.0.0/nonsense", "172.30.0.0/33", "172.30.0", "172.30.", "172.30.0.*", "172.30.0.01", "172.30.0.1/32", "10.0.0.0/8",
	"10.0.0.0/8, 172.30.0.0/16", ".cluster.local,.svc,10.128.0.0/14,172.30.0.0/16", "0.0.0.0/0", "a/b", "0.0.0.0",
	"10.0.0.1", "::ffff:10.0.0.1", "::ffff:10.0.0.0/104", "::ffff:10.0.0.0/80", "::/0", "::ffff:0:0/96", "10.0.0.0/08",
	"fd02::1", "FD02::1", "[fd02::1]", "[fd02::1]:443", "[fd02::1]:6443", "fd02::/112", "fd02::1/16", "fd02::/129", "fd02:0:0::1",
	"fe80::1", "fe80::1%eth0", "fe80::/10", "fe80::%eth0/10", "[fe80::1%eth0]:443", "169.254.169.254", "localhost", "127.0.0.1",
	"1.2.3.4", "1.2.3.4.example", "b\u00fccher.example", "xn--bcher-kva.example", "B\u00dcCHER.EXAMPLE", ".b\u00fccher.example",
	"b\u00fccher.example:443", "*.b\u00fccher.example",
}

type table struct {
	URLs   []string         `json:"urls"`
	Direct map[string][]int `json:"direct"`
}

func main() {
	found := table{URLs: urls, Direct: map[string][]int{}}
	for _, value := range values {
		config := httpproxy.Config{HTTPProxy: "http://proxy.example:3128", HTTPSProxy: "http://proxy.example:3128", NoProxy: value}
		ask := config.ProxyFunc()
		direct := []int{}
		for index, text := range urls {
			parsed, err := url.Parse(text)
			if err != nil {
				panic(err)
			}
			proxy, err := ask(parsed)
			if err != nil {
				panic(err)
			}
			if proxy == nil {
				direct = append(direct, index)
			}
		}
		found.Direct[value] = direct
	}
	written, err := json.Marshal(found)
	if err != nil {
		panic(err)
	}
	os.Stdout.Write(append(written, '\n'))
}
